#!/bin/sh
# Sets up the Emberwatch agent on a companion computer: Raspberry Pi 5, Jetson Orin (L4T), PC. See README.md.
#
# May be run again at any time: what is as it should be is left alone. A new version is put beside the one
# there is, and takes its place when it is whole; `back` undoes that.
set -eu

PREFIX=/opt/emberwatch-agent
ETC=/etc/emberwatch
DATA=/var/lib/emberwatch
UNIT=emberwatch-agent.service
RULES=/etc/udev/rules.d/70-emberwatch.rules
CHRONY=/etc/chrony/conf.d/emberwatch.conf
DROP_IN=/etc/systemd/system/$UNIT.d/data.conf
COMMAND=/usr/local/sbin/emberwatch-companion
RUN_AS=emberwatch
KEPT=2 # versions: the one that runs, and the one before

here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
changes=0

usage() {
    cat <<EOF
Sets up the Emberwatch agent on this computer.

  sudo $0 install [--from PATH] [--wheels DIR] [--data DIR] [--machine NAME]
  sudo emberwatch-companion back             the version before takes its place again
  sudo emberwatch-companion status           what is installed and how it does
  sudo emberwatch-companion remove [--data]  take everything away; with --data records and keys, too

  --from PATH     a wheel, or a checkout of Emberwatch; default: the checkout that this script is in
  --wheels DIR    take everything from this folder and nothing from the network
  --data DIR      where records are kept, as on a disk of their own; default: $DATA
  --machine NAME  raspberry-pi-5, jetson-orin or pc; default: what this computer says that it is
EOF
}

say() { printf '%s\n' "$*"; }
did() { changes=$((changes + 1)); say "  $*"; }
fail() {
    printf 'emberwatch: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  %s\n' "$2" >&2
    exit 1
}

need_root() { [ "$(id -u)" = 0 ] || fail "this changes the system, and needs root" "Say it again with sudo."; }

# put MODE OWNER:GROUP FILE < text: writes FILE if it is not so already.
put() {
    new=$(mktemp)
    cat >"$new"
    if ! cmp -s "$new" "$3"; then
        install -D -m "$1" -o "${2%:*}" -g "${2#*:}" "$new" "$3"
        did "wrote $3"
    fi
    rm -f "$new"
}

# systemctl, where there is a running systemd; in an image that is being built there is none.
running_systemctl() { [ ! -d /run/systemd/system ] || systemctl "$@"; }

machine_of() {
    model=$(tr -d '\0' 2>/dev/null </proc/device-tree/model || true)
    case $model in
        *"Raspberry Pi 5"* | *"Compute Module 5"*) echo raspberry-pi-5 ;;
        *Orin*) echo jetson-orin ;;
        *) echo pc ;;
    esac
}

find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        found=$(command -v "$name") || continue
        if "$found" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$found"
            return
        fi
    done
    return 1
}

packages() {
    wanted=""
    for package in chrony $MACHINE_PACKAGES; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok' || wanted="$wanted $package"
    done
    find_python >/dev/null || wanted="$wanted $PYTHON_PACKAGES"
    [ -n "$wanted" ] || return 0
    say "Installing$wanted ..."
    # shellcheck disable=SC2086 # one word for each package
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $wanted >/dev/null ||
        fail "the packages$wanted could not be installed" "Is there a network? apt-get update, and try again."
    did "installed$wanted"
}

account() {
    if ! id "$RUN_AS" >/dev/null 2>&1; then
        useradd --system --home-dir "$DATA" --no-create-home --shell /usr/sbin/nologin "$RUN_AS"
        did "made the user $RUN_AS"
    fi
    for group in dialout video render $MACHINE_GROUPS; do
        getent group "$group" >/dev/null || continue
        id -nG "$RUN_AS" | tr ' ' '\n' | grep -qx "$group" && continue
        usermod -aG "$group" "$RUN_AS"
        did "$RUN_AS may use what belongs to $group"
    done
}

# What a source is, in one word: the same source gives the same word.
version_of() {
    if [ -d "$1" ]; then
        made_of=$(cd "$1" && find pyproject.toml edge flight hardware models uplink -type f \
            ! -path '*/node_modules/*' ! -path '*/dist/*' ! -path '*/__pycache__/*' -exec sha256sum {} + |
            LC_ALL=C sort -k 2 | sha256sum)
    else
        made_of=$(sha256sum "$1")
    fi
    printf '%.12s\n' "$made_of"
}

program() {
    from=$1 wheels=$2
    [ -e "$from" ] || fail "there is no $from" "Name a wheel or a checkout with --from."
    [ ! -d "$from" ] || [ -f "$from/pyproject.toml" ] || fail "$from is no checkout of Emberwatch"
    version=$(version_of "$from")
    place=$PREFIX/versions/$version
    if [ ! -f "$place/.whole" ]; then
        say "Installing Emberwatch $version (some minutes) ..."
        rm -rf "$place"
        mkdir -p "$place"
        "$(find_python)" -m venv "$place"
        # A checkout is built in a copy: nothing of root's is left in somebody's folder.
        build=$(mktemp -d)
        if [ -d "$from" ]; then
            tar -C "$from" --exclude=.git --exclude=.venv --exclude=node_modules -cf - . | tar -C "$build" -xf -
            from=$build
        fi
        set -- "$from"
        [ -z "$wheels" ] || set -- --no-index --find-links "$wheels" "$from"
        "$place/bin/python" -m pip install --quiet --disable-pip-version-check "$@" || {
            rm -rf "$place" "$build"
            fail "Emberwatch could not be installed; what ran before runs on" \
                "Without a network: pip download on another computer, and --wheels DIR here."
        }
        "$place/bin/emberwatch" --version >/dev/null || fail "what was installed does not start"
        rm -rf "$build"
        touch "$place/.whole"
        did "installed $place"
    fi
    [ "$(readlink "$PREFIX/current" || true)" = "versions/$version" ] || switch_to "$version"
    forget_old
}

# Atomically: a link is renamed over the other, so that there is a current version at any moment.
switch_to() {
    before=$(readlink "$PREFIX/current" || true)
    if [ -n "$before" ]; then
        ln -sfn "$before" "$PREFIX/.previous" && mv -T "$PREFIX/.previous" "$PREFIX/previous"
    fi
    ln -sfn "versions/$1" "$PREFIX/.current" && mv -T "$PREFIX/.current" "$PREFIX/current"
    did "version $1 is the current one${before:+, ${before#versions/} the one before}"
}

forget_old() {
    [ "$(find "$PREFIX/versions" -mindepth 1 -maxdepth 1 | wc -l)" -gt "$KEPT" ] || return 0
    for place in "$PREFIX"/versions/*; do
        name=versions/${place##*/}
        [ "$name" != "$(readlink "$PREFIX/current" || true)" ] || continue
        [ "$name" != "$(readlink "$PREFIX/previous" || true)" ] || continue
        rm -rf "$place"
        did "forgot $place"
    done
}

configuration() {
    install -d -m 0750 -o root -g "$RUN_AS" "$ETC"
    if [ ! -e "$ETC/agent.toml" ]; then
        sed "s|^data_dir = \"data\" |data_dir = \"$DATA\" |; s|\"/dev/video0\" |\"/dev/camera\" |" \
            "$(site_packages)/hardware/profiles/companion.toml" | put 0640 "root:$RUN_AS" "$ETC/agent.toml"
        say "  CHANGE what is marked in $ETC/agent.toml, and put the drone's key into $ETC/drone.key"
    fi
    if [ ! -e "$DATA" ]; then
        install -d -m 0700 -o "$RUN_AS" -g "$RUN_AS" "$DATA"
        did "made $DATA"
    fi
}

site_packages() { "$PREFIX/current/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

service() {
    put 0644 root:root "/etc/systemd/system/$UNIT" <"$here/$UNIT"
    if [ "$DATA" != /var/lib/emberwatch ]; then
        printf '[Unit]\nRequiresMountsFor=%s\n\n[Service]\nReadWritePaths=%s\n' "$DATA" "$DATA" |
            put 0644 root:root "$DROP_IN"
    elif [ -e "$DROP_IN" ]; then
        rm -f "$DROP_IN" && did "removed $DROP_IN"
    fi
    put 0644 root:root "$RULES" <"$here/70-emberwatch.rules"
    put 0644 root:root "$CHRONY" <"$here/chrony.conf"
    systemctl is-enabled --quiet "$UNIT" 2>/dev/null || { systemctl --quiet enable "$UNIT" && did "enabled $UNIT"; }
    if [ "$here" != "$PREFIX" ]; then
        put 0755 root:root "$PREFIX/setup.sh" <"$here/setup.sh"
        for file in "$UNIT" 70-emberwatch.rules chrony.conf; do
            put 0644 root:root "$PREFIX/$file" <"$here/$file"
        done
    fi
    [ "$(readlink "$COMMAND" || true)" = "$PREFIX/setup.sh" ] || { ln -sfn "$PREFIX/setup.sh" "$COMMAND" && did "made $COMMAND"; }
}

install_all() {
    from=$(CDPATH='' cd -- "$here/../.." && pwd) wheels="" machine=""
    [ "$here" != "$PREFIX" ] || from=""
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || fail "$1 needs a value" "$0 --help"
        case $1 in
            --from) from=$(readlink -f -- "$2") ;;
            --wheels) wheels=$(readlink -f -- "$2") ;;
            --data) DATA=$(readlink -m -- "$2") ;;
            --machine) machine=$2 ;;
            *) fail "there is no $1" "$0 --help" ;;
        esac
        shift 2
    done
    [ -n "$from" ] || fail "nothing says which version to install" "Name a wheel or a checkout with --from."
    machine=${machine:-$(machine_of)}
    of_machine "$machine"
    say "Emberwatch agent on $MACHINE_NAME"
    packages
    account
    mkdir -p "$PREFIX/versions"
    program "$from" "$wheels"
    configuration
    service
    if [ "$changes" = 0 ]; then
        say "Nothing to do: everything is as it should be."
        return
    fi
    running_systemctl daemon-reload
    [ ! -d /run/udev ] || udevadm control --reload
    if "$PREFIX/current/bin/emberwatch" config check "$ETC/agent.toml" >/dev/null 2>&1; then
        running_systemctl restart "$UNIT"
    else
        say "The agent is not started yet: emberwatch config check $ETC/agent.toml says what is missing."
    fi
    say "$MACHINE_ADVICE"
}

# What differs from one computer to the other.
of_machine() {
    PYTHON_PACKAGES="python3 python3-venv" MACHINE_PACKAGES="" MACHINE_GROUPS=""
    case $1 in
        raspberry-pi-5)
            MACHINE_NAME="Raspberry Pi 5" MACHINE_GROUPS="gpio"
            MACHINE_ADVICE="The autopilot at the pins 8 and 10: add dtoverlay=uart0-pi5 to /boot/firmware/config.txt and restart; it is /dev/ttyAMA0."
            ;;
        jetson-orin)
            # Ubuntu 22.04's own Python is 3.10; it has 3.11 beside it.
            MACHINE_NAME="Jetson Orin" PYTHON_PACKAGES="python3.11 python3.11-venv"
            MACHINE_ADVICE="The autopilot at the 40 pin header is /dev/ttyTHS1; stop nvgetty: systemctl disable --now nvgetty. All cores: nvpmodel -m 0."
            ;;
        pc) MACHINE_NAME="a PC" MACHINE_ADVICE="The autopilot by USB is /dev/autopilot, the camera /dev/camera." ;;
        *) fail "there is no machine $1" "raspberry-pi-5, jetson-orin or pc" ;;
    esac
}

back() {
    before=$(readlink "$PREFIX/previous" || true)
    [ -f "$PREFIX/${before:-none}/.whole" ] || fail "there is no version before this one"
    switch_to "${before#versions/}"
    running_systemctl restart "$UNIT"
}

status() {
    [ -e "$PREFIX/current" ] || fail "it is not installed" "sudo $0 install"
    say "current: $(readlink "$PREFIX/current"), $("$PREFIX/current/bin/emberwatch" --version)"
    say "before:  $(readlink "$PREFIX/previous" || echo none)"
    running_systemctl --no-pager status "$UNIT" || true
}

remove() {
    running_systemctl disable --now "$UNIT" || true
    [ ! -e "/etc/systemd/system/$UNIT" ] || systemctl --quiet disable "$UNIT" 2>/dev/null || true
    rm -rf "$PREFIX" "$COMMAND" "/etc/systemd/system/$UNIT" "/etc/systemd/system/$UNIT.d" "$RULES" "$CHRONY"
    running_systemctl daemon-reload
    [ ! -d /run/udev ] || udevadm control --reload
    if [ "${1:-}" = --data ]; then
        kept=$(sed -n 's/^data_dir = "\([^"]*\)".*/\1/p' "$ETC/agent.toml" 2>/dev/null || true)
        case $kept in /*/*) rm -rf "$kept" ;; esac
        rm -rf "$ETC"
        userdel "$RUN_AS" 2>/dev/null || true
        say "Everything is gone."
    else
        say "The program is gone. Keys and configuration are still in $ETC, and records where it says."
    fi
}

case ${1:-} in
    install) need_root && shift && install_all "$@" ;;
    back) need_root && back ;;
    status) status ;;
    remove) need_root && shift && remove "$@" ;;
    -h | --help | help) usage ;;
    *) usage >&2 && exit 2 ;;
esac
