# shellcheck shell=bash
# Looks at where this host's software is to come from before anything is changed, and tells all that is in the way at once.
# what the host is for, what pip is to install (NAME==VERSION ..., nothing where it is not told), the directory of wheels
# that takes the place of an index, which PostgreSQL, and whether it comes from a source that is yet to be added
: "${roles:=postgres server worker}" "${packages:=}" "${wheel_directory:=}" "${postgresql_version:=}" "${postgresql_source:=}"

create() { tell_all "what is to be installed is on offer" python index wheels packages postgresql docker; }

has_role() { [[ " $roles " == *" $1 "* ]]; }

# Where there is none, it is installed with what it needs.
check_python() {
  if [ -z "$packages" ] || find_python >/dev/null || [ -n "$(offered python3-venv python3.12)" ] || knows_no_packages; then return; fi
  finding "no Python from 3.10 to 3.14 with venv is installed, and none is on offer. On Debian and Ubuntu: apt-get install python3-venv. On Red Hat and relatives: dnf install python3.12"
}

# Whether the index that pip is configured for serves Prefect, and whether its clock is this host's.
check_index() {
  local prefect
  prefect=$(tr ' ' '\n' <<<"$packages" | grep '^prefect==' || true)
  if [ -n "$wheel_directory" ] || [ -z "$prefect" ]; then
    compare_no_clock
  elif ! command -v python3 >/dev/null; then
    note "the package index is not asked, as there is no Python yet."
    compare_no_clock
  else
    ask_index "${prefect#*==}" || case $? in
      3) compare_no_clock ;;
      124) finding "the package index did not answer within 10 s. Mend the way there (network, DNS, proxy), or name another index in /etc/pip.conf" ;;
      *) return 1 ;;
    esac
  fi
}

# ask_index VERSION: exits with 3 where it was told no time to compare with
ask_index() {
  timeout 10 python3 -I - "$1" <<'PYTHON'
import configparser, netrc, os, ssl, sys, time
from base64 import b64encode
from email.utils import parsedate_to_datetime
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener


def option(name, default=""):
    """As pip reads it: https://pip.pypa.io/en/stable/topics/configuration/"""
    places = ["/etc/xdg/pip", "/etc", "~/.pip", "~/.config/pip"]
    files = [place + "/pip.conf" for place in places] + [os.environ.get("PIP_CONFIG_FILE", "")]
    parser = configparser.RawConfigParser(strict=False)
    parser.read([os.path.expanduser(file) for file in files])
    found = [parser.get(section, name) for section in ("install", "global") if parser.has_option(section, name)]
    return os.environ.get("PIP_" + name.upper().replace("-", "_")) or (found + [default])[0]


def login(address):
    """Return `user:password`, or nothing."""
    if address.username:
        return unquote(address.username) + ":" + unquote(address.password or "")
    try:
        found = netrc.netrc().authenticators(address.hostname)
    except (OSError, netrc.NetrcParseError):
        found = None
    return found[0] + ":" + found[2] if found else ""


def ask(address, trusted, credentials):
    """Return the index's answer about the package, even one that refuses it."""
    context = ssl.create_default_context(cafile=option("cert") or None)
    if trusted:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    proxy = option("proxy")
    proxies = ProxyHandler({"http": proxy, "https": proxy}) if proxy else ProxyHandler()
    request = Request(urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2])))
    request.add_header("Accept", "text/html")
    if credentials:
        request.add_unredirected_header("Authorization", "Basic " + b64encode(credentials.encode()).decode())
    try:
        return build_opener(proxies, HTTPSHandler(context=context)).open(request, timeout=5)
    except HTTPError as refusal:
        return refusal


def seconds_ahead(answer):
    """Return how far the clock of whoever answered is ahead of ours, as a list: empty if they did not tell the time."""
    if not answer.headers["Date"]:
        return []
    ahead = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    # the time of an answer that a cache kept, or that of the cache
    return [min(ahead, ahead + int(answer.headers["Age"] or 0), key=abs)]


def look(address):
    """Return why pip could not have the package from there, empty if it could, and `seconds_ahead`."""
    try:
        answer = ask(address, address.hostname in option("trusted-host").split(), login(address))
        page = answer.read().decode(errors="replace")
    except OSError as error:
        reason = str(getattr(error, "reason", error))
        try:
            # a wrong clock is a reason to take a good certificate for a bad one
            return reason, seconds_ahead(ask(address, True, "")) if "CERTIFICATE_VERIFY_FAILED" in reason else []
        except OSError:
            return reason, []
    if answer.status != 200:
        return "it answers {} {}".format(answer.status, answer.reason), seconds_ahead(answer)
    return "" if "prefect-{}-".format(version) in page else "it does not have this version", seconds_ahead(answer)


version = sys.argv[1]
indexes = [option("index-url", "https://pypi.org/simple")] + option("extra-index-url").split()
reasons, offsets = [], []
for index in indexes:
    address = urlsplit(index.rstrip("/") + "/prefect/")
    reason, offset = look(address)
    reasons.append(reason and "{}: {}".format(address.hostname, reason))
    offsets += offset
offset = min(offsets, key=abs, default=0)
if abs(offset) > 60:
    print("error: this host's clock is {:.0f} s {} that of the package index. Set it, and keep it right: timedatectl set-ntp"
          " true (needs systemd-timesyncd or chrony)".format(abs(offset), "behind" if offset > 0 else "ahead of"))
if all(reasons) and not (abs(offset) > 60 and "CERTIFICATE_VERIFY_FAILED" in str(reasons)):
    print("error: Prefect {} cannot be had from the package index. {}. Mend the way there (network, DNS, proxy), or name"
          " another index in /etc/pip.conf".format(version, "; ".join(reasons)))
sys.exit(0 if offsets else 3)
PYTHON
}

compare_no_clock() {
  if [ "$(timeout 2 timedatectl show --property NTPSynchronized --value)" = no ]; then
    note "this host's clock is not synchronised, and there is no other to compare it with. If there is a time server: timedatectl set-ntp true"
  fi
}

check_wheels() {
  local package name missing=()
  [ -n "$wheel_directory" ] || return 0
  for package in $packages; do
    name=${package%%==*}
    compgen -G "$wheel_directory/$(wheel_pattern "$name")-${package#*==}-*.whl" >/dev/null || missing+=("$package")
  done
  [ "${#missing[@]}" = 0 ] ||
    finding "${#missing[@]} of $(wc -w <<<"$packages") wheels are not in $wheel_directory: ${missing[*]:0:5}${missing[5]:+ and more}. Bring them with: pip download --only-binary :all: --require-hashes --requirement LOCK"
}

# In a wheel's name every run of - _ . is one _, and case is free: https://packaging.python.org/specifications/binary-distribution-format/
wheel_pattern() { sed 's/[-_.]\+/[-_.]/g; s/[a-z]/[&\U&]/g' <<<"$1"; }

check_packages() {
  if command -v apt-get >/dev/null; then
    check_dpkg
    check_apt_lock
    check_apt_sources
  else
    check_dnf
  fi
}

check_dpkg() {
  local unfinished
  unfinished=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' | awk '$1 ~ /^(half|unpacked)/ {print $2}' | xargs)
  [ -z "$unfinished" ] || finding "packages are installed by half: $unfinished. Finish with: dpkg --configure -a && apt-get --fix-broken install"
}

# Installations wait for each other for some minutes, but not for one that hangs.
check_apt_lock() {
  local process started age
  process=$(find /proc/[0-9]*/fd -lname /var/lib/dpkg/lock-frontend 2>/dev/null | head -n 1 | cut -d / -f 3 || true)
  [ -n "$process" ] || return 0
  started=$(stat --format %Y "/proc/$process" 2>/dev/null) || return 0
  age=$((($(date +%s) - started) / 60))
  [ "$age" -lt 30 ] || finding "$(cat "/proc/$process/comm") (process $process) has kept others from installing packages for $age minutes. See whether it hangs: ps -fp $process; then end it."
}

check_apt_sources() {
  local sources uri suite
  # shellcheck disable=SC2016 # apt's own variables
  sources=$(apt-get indextargets --no-release-info --format '$(SITE) $(REPO_URI) $(RELEASE)' | awk '$2 ~ /^https?:/ && !seen[$1]++ {print $2, $3}')
  while read -r uri suite; do
    if [ -n "$uri" ]; then check_apt_source "${uri%/}" "$suite" & fi
  done <<<"$sources"
  wait
}

# By apt itself, with its proxies, certificates and passwords. An answer is an answer, even that a file is not there.
check_apt_source() {
  local said directory
  directory=$(mktemp --directory)
  said=$(LC_ALL=C timeout 10 /usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=5 -o Acquire::https::Timeout=5 \
    download-file "$1/dists/$2/InRelease" "$directory/InRelease" 2>&1) || [[ $said == *" 404 "* ]] ||
    finding "the package source $1 does not answer: $(sed -n 's/^  //p' <<<"$said" | head -n 1). Mend the way there (network, DNS, proxy), or the source in /etc/apt/sources.list and sources.list.d"
  rm -rf "$directory"
}

check_dnf() {
  local said status=0
  said=$(timeout 12 dnf --quiet --setopt=timeout=5 --setopt=retries=1 --setopt=skip_if_unavailable=False makecache 2>&1) || status=$?
  case $status in
    0) ;;
    124) note "dnf took too long to read its package index, so what it offers is not known." ;;
    *) finding "dnf cannot read its package index: $(tail -n 1 <<<"$said"). Mend the way there (network, DNS, proxy), or the source in /etc/yum.repos.d" ;;
  esac
}

# offered APT_NAME DNF_NAME: prints the version that would be installed
offered() {
  if command -v apt-get >/dev/null; then
    apt-cache policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}'
  else
    timeout 12 dnf --quiet --cacheonly repoquery --latest-limit 1 --queryformat '%{version}' "$2" 2>/dev/null || true
  fi
}

# As on an image whose package index was never read: what is on offer will be seen.
knows_no_packages() {
  if command -v apt-get >/dev/null; then
    [ -z "$(compgen -G '/var/lib/apt/lists/*_Packages*')" ]
  else
    [ -z "$(offered bash bash)" ]
  fi
}

# https://docs.prefect.io: 14.9 is the oldest that Prefect is run on
check_postgresql() {
  local major=$postgresql_version found
  if ! has_role postgres || [ -n "$postgresql_source" ] || knows_no_packages; then return; fi
  if [ -z "$major" ] && command -v apt-get >/dev/null; then
    major=$(offered postgresql postgresql-server)
    major=${major%%[^0-9]*}
  fi
  found=$(offered "postgresql-$major" "postgresql$postgresql_version-server")
  if [ -z "$found" ]; then
    finding "PostgreSQL${major:+ $major} is not on offer on this host. Choose another: pulumi config set --path postgres.version VERSION, or give its package source."
  elif [ "$(printf '%s\n' 14.9 "$found" | sort -V | head -n 1)" != 14.9 ]; then
    finding "PostgreSQL $found is on offer on this host, but Prefect needs 14.9 or newer. Read the package index again, which may be old: apt-get update, or dnf makecache --refresh. Or choose another: pulumi config set --path postgres.version 16"
  fi
}

check_docker() {
  if ! has_role docker || has_docker || knows_no_packages || [ -n "$(offered docker.io docker-ce)" ]; then return; fi
  finding "Docker is not on offer on this host. On Debian and Ubuntu it is the package docker.io; on Red Hat and relatives add Docker's own repository first: https://docs.docker.com/engine/install/rhel"
}
