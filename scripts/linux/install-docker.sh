# shellcheck shell=bash
# Docker: the distribution's, or whichever the host has already; on Red Hat and relatives from Docker's own repository.
# It stays with its images and containers when the stack is removed.

# Here containerd keeps the environment of every container, with the API's password, in a file that everybody may read, and
# lets everybody pass: https://nvd.nist.gov/vuln/detail/CVE-2024-25621
containers=/var/lib/containerd

create() {
  if has_docker && systemctl is-enabled --quiet docker && systemctl is-active --quiet docker && [ -z "$(access_drift)" ]; then
    unchanged "Docker runs"
    return
  fi
  has_docker || install_package docker.io docker-ce
  systemctl enable --now --quiet docker ||
    fail "Docker does not start. Mend what it says, then run pulumi up again: $(end_of_log docker)"
  [ -z "$(access_drift)" ] || chmod 0700 "$containers"
  changed "Docker runs and starts at boot"
}

drift() {
  if ! has_docker; then
    echo "Docker: not installed"
    return
  fi
  enabled_drift docker.service
  active_drift docker.service
  access_drift
}

access_drift() { [ ! -d "$containers" ] || directory_drift "$containers" 0700 root root; }
