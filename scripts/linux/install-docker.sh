# shellcheck shell=bash
# Docker: the distribution's, or whichever the host has already; on Red Hat and relatives from Docker's own repository.
# It stays with its images and containers when the stack is removed.

create() {
  if has_docker && systemctl is-enabled --quiet docker && systemctl is-active --quiet docker; then
    unchanged "Docker runs"
    return
  fi
  has_docker || install_package docker.io docker-ce
  systemctl enable --now --quiet docker ||
    fail "Docker does not start. Mend what it says, then run pulumi up again: $(end_of_log docker)"
  changed "Docker runs and starts at boot"
}

drift() {
  if ! has_docker; then
    echo "Docker: not installed"
    return
  fi
  enabled_drift docker.service
  active_drift docker.service
}
