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

# systems: asks this kernel, behind a veth pair, by both for its system. What they say of it
# goes between lines that name it.
systems() {
	# The shell takes busybox's own ip for one without a path.
	unshare -n sleep 600 &
	far=$!
	until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.1; done
	/bin/ip link set lo up
	/bin/ip link add near0 type veth peer name far0 netns $far
	/bin/ip link set near0 up
	/bin/ip addr add 198.18.9.1/24 dev near0
	/bin/ip addr add 2001:2:0:9::1/64 dev near0 nodad
	in_far="nsenter --net=/proc/$far/ns/net"
	$in_far /bin/ip link set lo up
	$in_far /bin/ip link set far0 up
	$in_far /bin/ip addr add 198.18.9.2/24 dev far0
	$in_far /bin/ip addr add 2001:2:0:9::2/64 dev far0 nodad
	$in_far httpd -f -p '[::]:80' &
	sleep 1
	prtip -O -p 80,81 198.18.9.2 --cooldown 1 --osscan-guess --os-db /data/nmap-os-db --json \
		>/tmp/ours
	prtip -O -p 80,81 2001:2:0:9::2 --cooldown 1 --json >/tmp/ours-v6
	NMAPDIR=/data nmap -n -Pn -O --osscan-guess --max-os-tries 1 -d -p 80,81 -oX /tmp/theirs \
		198.18.9.2 >/tmp/text
	kill $far
	for part in ours ours-v6 theirs text; do
		echo "part $part"
		cat /tmp/$part
	done
}

exec >/dev/ttyS0 2>/dev/console
. /steps.sh
echo "prtip-vm over"
poweroff -f
