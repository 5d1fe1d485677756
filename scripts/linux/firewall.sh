# shellcheck shell=bash
# Lets in SSH and what is declared, and drops the rest. A host has one firewall: where ufw or firewalld keeps it, that one
# is told to let the same in, as a second one beside it would drop what the owner of the host allowed there.
: "${rules:?}" "${openings?}" "${configuration:?}" "${run:?}"

unit=prefect-selfhost-firewall.service
unit_file=/etc/systemd/system/$unit
rollback=prefect-selfhost-firewall-rollback
trial=$run/firewall-trial.nft
# what is loaded at boot: only rules that were seen to let SSH in
confirmed=$configuration/firewall-confirmed.nft
list_table="nft --stateless list table inet prefect_selfhost"
take_back="nft delete table inet prefect_selfhost; if [ -e $confirmed ]; then nft --file $confirmed; fi"

create() {
  if ufw_is_active; then
    remove_table
    open_in_ufw
  elif systemctl is-active --quiet firewalld; then
    remove_table
    open_in_firewalld
  else
    filter_by_table
  fi
}

drift() {
  if ufw_is_active; then
    lines_without "$(rules_of_ufw ".*")" "$(for_each_opening ufw_rule)" | sed 's/^/ufw lacks: /'
    lines_without "$(for_each_opening ufw_rule)" "$(rules_of_ufw "comment 'prefect-selfhost'")" | sed 's/^/ufw has too: /'
  elif systemctl is-active --quiet firewalld; then
    cmp -s <(firewalld_rules | sort) <(for_each_opening firewalld_rule | sort) || echo "firewalld: the rules of its policy prefect-selfhost"
  else
    [[ $(cat "$confirmed" 2>&1) == "$(cat "$rules")"* ]] || echo "$confirmed: content"
    # what it should be is asked of a network of its own that loaded it
    cmp -s <($list_table 2>&1) <(unshare --net sh -c "nft --file $confirmed && $list_table" 2>&1) || echo "nftables: the rules of table inet prefect_selfhost"
    enabled_drift "$unit"
  fi
}

delete() {
  remove_table
  openings=
  if command -v ufw >/dev/null; then open_in_ufw >/dev/null; fi
  remove_from_firewalld
  changed "the firewall lets in what it did before"
}

ufw_is_active() { command -v ufw >/dev/null && LC_ALL=C ufw status | grep --quiet '^Status: active'; }

filter_by_table() {
  local before others
  install_package nftables nftables
  before=$(describe)
  { cat "$rules" && ssh_ports | sed 's/.*/add element inet prefect_selfhost ssh_ports { & }/'; } >"$trial"
  try_rules
  mv "$trial" "$confirmed"
  systemctl stop "$rollback.timer"
  load_at_boot
  others=$(other_filters)
  others=${others:+. Others filter too, and may drop what is let in here: $others}
  if [ "$before" = "$(describe)" ]; then
    unchanged "only SSH and ${openings:-nothing else} come in$others"
  else
    changed "only SSH and ${openings:-nothing else} come in$(cut_off)$others"
  fi
}

describe() {
  $list_table 2>&1 || true
  cat "$confirmed" "$unit_file" 2>/dev/null || true
  systemctl is-enabled "$unit" 2>/dev/null || true
}

# Every port that sshd listens on for others, and the one that this very session came by, one a line.
ssh_ports() {
  local session=${SSH_CONNECTION:-$(tr '\0' '\n' <"/proc/$PPID/environ" | sed -n 's/^SSH_CONNECTION=//p')}
  { listeners | awk '$2 ~ /"sshd/ {print $1}' && echo "${session##* }"; } | sort -nu | sed '/^$/d'
}

# Who listens for others by TCP: port and, as ss names them, programs; of a socket that systemd keeps for sshd both.
listeners() {
  ss --no-header --listening --tcp --numeric --processes |
    awk '$4 !~ /^(127\.|\[::1\])/ {sub(/.*:/, "", $4); print $4, $6}' | sort -nu
}

# Lets the rules work. Whatever becomes of this script or this host, they are gone after 30 s unless it keeps them.
try_rules() {
  local said
  said=$(nft --check --file "$trial" 2>&1) || fail "nft does not accept $trial, so nothing was changed: $said"
  systemctl stop "$rollback.timer" 2>/dev/null || true
  systemd-run --quiet --collect --unit="$rollback" --on-active=30 --timer-property=AccuracySec=1s /bin/sh -c "$take_back"
  nft --file "$trial"
  # the other end acknowledges this line with a packet, on which the rule for SSH must decide as on the first of a new session
  echo "trying the rules"
  wait_until 10 ssh_comes_in && return
  sh -c "$take_back" 2>/dev/null || true
  systemctl stop "$rollback.timer"
  fail "with these rules SSH was not let in for 10 s, so those from before were put back. They are in $trial.
If this host is not reached through a TCP port of an SSH server, keep its firewall yourself: pulumi config set --path firewall.enabled false"
}

ssh_comes_in() { nft list counter inet prefect_selfhost ssh 2>/dev/null | grep --quiet 'packets [1-9]'; }

# Before there is a network, and again whenever nftables.service has emptied all tables.
load_at_boot() {
  cat >"$unit_file" <<UNIT
[Unit]
Description=What may reach the Prefect host
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft --file $confirmed
ExecReload=/usr/sbin/nft --file $confirmed
ExecStop=-/usr/sbin/nft delete table inet prefect_selfhost

[Install]
WantedBy=sysinit.target
UNIT
  systemctl daemon-reload
  systemctl enable --quiet --now "$unit"
}

# Programs that others reached until now.
cut_off() {
  local port programs program
  listeners | while read -r port programs; do
    case " $openings $(ssh_ports | xargs) " in
      *" $port "* | *" tcp:$port "* | *" tcp:$port@"*) ;;
      *)
        program="the kernel"
        if [[ $programs =~ \"([^\"]+)\" ]]; then program=${BASH_REMATCH[1]}; fi
        printf '; no longer port %s of %s' "$port" "$program"
        ;;
    esac
  done
}

# Input chains of others that drop what they do not know, by their table.
other_filters() {
  nft --stateless list ruleset 2>/dev/null | awk '
    $1 == "table" { table = $2 " " $3 }
    $1 == "chain" { input = 0 }
    / hook input / { input = 1 }
    input && table != "inet prefect_selfhost" && (/policy drop;/ || /^\t\t(counter )?(drop|reject)/) { print "table " table }
  ' | sort -u | paste -sd ,
}

remove_table() {
  if [ -e "$unit_file" ]; then systemctl disable --quiet --now "$unit"; fi
  rm -f "$unit_file" "$confirmed"
  systemctl daemon-reload
}

# Ours are told apart by their comment; a rule for the same port that its owner made stays theirs.
open_in_ufw() {
  local wished rule outcome=unchanged
  wished=$(for_each_opening ufw_rule)
  while read -r rule; do
    # shellcheck disable=SC2086 # the words of a command
    ufw $rule comment prefect-selfhost >/dev/null
    outcome=changed
  done < <(lines_without "$(rules_of_ufw ".*")" "$wished")
  while read -r rule; do
    # shellcheck disable=SC2086
    ufw delete $rule >/dev/null
    outcome=changed
  done < <(lines_without "$wished" "$(rules_of_ufw "comment 'prefect-selfhost'")")
  "$outcome" "ufw keeps this host's firewall and lets in ${openings:-nothing of ours}"
}

# rules_of_ufw COMMENT
rules_of_ufw() { ufw show added | grep "^ufw .*$1\$" | sed "s/^ufw //; s/ comment '.*'$//" || true; }

# ufw_rule PROTOCOL PORT SOURCE: as `ufw show added` prints it
ufw_rule() { if [ -z "$3" ]; then echo "allow $2/$1"; else echo "allow from $3 to any port $2 proto $1"; fi; }

# A policy of our own that lets in ahead of all zones, https://firewalld.org/documentation/man-pages/firewalld.policies.html
open_in_firewalld() {
  local wished rule outcome=unchanged
  if ! in_policy --query-egress-zone HOST >/dev/null 2>&1; then
    firewall-cmd --quiet --permanent --new-policy prefect-selfhost 2>/dev/null || true
    in_policy --quiet --add-ingress-zone ANY
    in_policy --quiet --add-egress-zone HOST
  fi
  wished=$(for_each_opening firewalld_rule)
  while read -r rule; do
    in_policy --quiet --add-rich-rule "$rule"
  done < <(lines_without "$(in_policy --list-rich-rules)" "$wished")
  while read -r rule; do
    in_policy --quiet --remove-rich-rule "$rule"
  done < <(lines_without "$wished" "$(in_policy --list-rich-rules)")
  if [ "$(firewalld_rules | sort)" != "$(sort <<<"$wished")" ]; then
    # as every package does that brings rules for firewalld; connections outlive it
    firewall-cmd --quiet --reload
    outcome=changed
  fi
  "$outcome" "firewalld keeps this host's firewall and lets in ${openings:-nothing of ours}"
}

firewalld_rules() { firewall-cmd --policy prefect-selfhost --list-rich-rules 2>/dev/null; }

in_policy() { firewall-cmd --permanent --policy prefect-selfhost "$@"; }

# firewalld_rule PROTOCOL PORT SOURCE: as --list-rich-rules prints it
firewalld_rule() {
  local family=ipv4 from=
  if [[ $3 == *:* ]]; then family=ipv6; fi
  if [ -n "$3" ]; then from=" family=\"$family\" source address=\"$3\""; fi
  echo "rule$from port port=\"$2\" protocol=\"$1\" accept"
}

remove_from_firewalld() {
  if compgen -G "/etc/firewalld/policies/prefect-selfhost.xml*" >/dev/null; then
    rm -f /etc/firewalld/policies/prefect-selfhost.xml*
    if systemctl is-active --quiet firewalld; then firewall-cmd --quiet --reload; fi
  fi
}

# for_each_opening COMMAND: runs it with PROTOCOL PORT SOURCE
for_each_opening() {
  local opening port source
  for opening in $openings; do
    port=${opening#*:} source=
    if [[ $port == *@* ]]; then source=${port#*@}; fi
    "$1" "${opening%%:*}" "${port%%@*}" "$source"
  done
}

# lines_without KNOWN LINES: those of LINES that are not among KNOWN
lines_without() { grep --invert-match --line-regexp --fixed-strings --file <(echo "$1") <<<"$2" | sed '/^$/d' || true; }
