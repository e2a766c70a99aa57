#!/bin/busybox sh
# The guest's first process. What a step prints goes to the first serial port between
# two lines of ours, its standard error behind "! "; all else to the second one, the
# console.
/bin/busybox --install /bin 2>/dev/null
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
stty -F /dev/ttyS0 raw
for module in /modules/*; do
	insmod "$module" || echo "prtip-vm: $module was not loaded"
done

# step NAME COMMAND...
step() {
	name=$1
	shift
	echo "prtip-vm begin $name"
	"$@" 2>/tmp/stderr </dev/null
	code=$?
	tail -n 25 /tmp/stderr | sed 's/^/! /'
	echo "prtip-vm end $name $code"
}

# scan NAME CHECK-ARGUMENTS PRTIP-ARGUMENTS: within the lab. Prints the records that
# tell how the scan went, what ss saw of its sockets meanwhile, and the judgement.
scan() {
	timeout -k 10 240 prtip-bench lab run $CARDS $RULES -- sh /scan.sh "$@"
}

# doctor CARD OTHER-END: once there is a carrier, which some cards take seconds for.
doctor() {
	ip link set "$2" up
	ip link set "$1" up
	tries=0
	until [ "$(cat "/sys/class/net/$1/carrier")" = 1 ] || [ $tries = 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	prtip doctor -e "$1"
}

exec >/dev/ttyS0 2>/dev/console
. /steps.sh
echo "prtip-vm over"
poweroff -f
