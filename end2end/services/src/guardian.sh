# Keeps one service for a process that tests, and outlives that process just long enough to clean up after it.
#
# Standard input brings one command a line, and each is answered by one line:
#
#   start          runs "$folder/run" in the background; its process id
#   stop SIGNAL    asks it to end, waits, ends by force what is left; KILL ends every process of it at once
#   send SIGNAL    to its main process
#   freeze, thaw   every process of it
#   alive          yes or no
#   mount NAME M   a disk of its own in memory, of so many megabytes, at "$folder/NAME": for root only
#
# The end of standard input means that the tests are over, however they ended: the service and its folder go.
set -u
# When its parent dies, a process group with something stopped in it is sent a SIGHUP: not the end yet; nor is an
# answer that nobody is left to read. Ignored, not handled: what this shell starts to look around gets it as well.
# Services set what they want.
trap '' HUP INT TERM PIPE

room() {
  df -Pk "$1" 2>/dev/null | { read -r _ && read -r _ _ _ free _ && [ "$free" -gt 2000000 ]; }
}

# A disk in memory makes every fsync quick, where there is one with room. Measurements want a real one.
base=${TMPDIR:-/tmp}
if [ -z "${SERVICES_ON_DISK:-}" ] && [ -w /dev/shm ] && room /dev/shm; then base=/dev/shm; fi
folder=$(mktemp -d "$base/drawbridge-test.XXXXXX") || exit 1
# Services may run as other users.
chmod 711 "$folder"
exec 2>>"$folder/guardian"
echo "$folder"

pid=

# Process ids and states of what has this parent, one a line.
offspring() {
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    # The name in brackets may hold anything.
    rest=${line##*) }
    state=${rest%% *}
    rest=${rest#* }
    [ "${rest%% *}" = "$1" ] && [ "$state" != Z ] && echo "${line%% *}"
  done
}

is_alive() {
  [ -n "$pid" ] && offspring $$ | grep -qx "$pid"
}

# The main process first: while it is stopped it starts nothing new.
freeze() {
  kill -STOP "$pid"
  for child in $(offspring "$pid"); do kill -STOP "$child"; done
}

thaw() {
  for child in $(offspring "$pid"); do kill -CONT "$child"; done
  kill -CONT "$pid"
}

# libfaketime leaves this of a process that was killed, or that began as another program.
forget() {
  if [ -n "$pid" ]; then rm -f "/dev/shm/faketime_shm_$pid" "/dev/shm/sem.faketime_sem_$pid"; fi
  pid=
}

stop() {
  if ! is_alive; then
    forget
    return
  fi
  if [ "$1" = KILL ]; then
    # As when the power fails: nobody is left to notice that the others are gone.
    freeze
    for child in $(offspring "$pid"); do kill -KILL "$child"; done
  else
    thaw
  fi
  kill "-$1" "$pid"
  tries=0
  while is_alive && [ "$tries" -lt 400 ]; do
    sleep 0.03
    tries=$((tries + 1))
  done
  for left in $(offspring "$pid"); do kill -KILL "$left"; done
  if is_alive; then kill -KILL "$pid"; fi
  wait "$pid"
  forget
}

# The words NAME and M.
mount_disk() {
  mkdir "$folder/$1" && mount -t tmpfs -o "size=$2m,mode=755" drawbridge-test "$folder/$1" && mounted="$mounted $1"
}

last=$1
mounted=
while read -r command signal; do
  case $command in
    start)
      forget
      sh "$folder/run" </dev/null >>"$folder/log" 2>&1 &
      pid=$!
      echo "$pid"
      ;;
    stop) stop "$signal"; echo done ;;
    send) if kill "-$signal" "$pid"; then echo done; else echo failed; fi ;;
    freeze) freeze; echo done ;;
    thaw) thaw; echo done ;;
    alive) if is_alive; then echo yes; else echo no; fi ;;
    # shellcheck disable=SC2086 # two words
    mount) if mount_disk $signal; then echo done; else echo failed; fi ;;
    *) echo unknown ;;
  esac
done
stop "$last"
for name in $mounted; do umount "$folder/$name" || umount --lazy "$folder/$name"; done
rm -rf "$folder"
