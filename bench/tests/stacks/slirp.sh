# In a network namespace of its own, whose loopback has a server: libslirp, the stack that
# machines in QEMU have for a router, on a tap device of a second namespace. It hands
# connections to its own address on to that server. What is closed there is closed here.
ip link set lo up
PRTIP_TEST_LISTEN=127.0.0.1:80 "$LISTENER" --nocapture slirp_is_seen >"$OUT/said" &
listener=$!
unshare -n sleep 600 &
inner=$!
slirp=
trap 'kill $listener $inner $slirp' EXIT
until grep -q ready "$OUT/said"; do kill -0 $listener; sleep 0.05; done
until [ "$(readlink /proc/$inner/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
LD_LIBRARY_PATH=$STACK_LIBRARIES "$STACK" --configure --mtu=1500 --cidr=198.18.9.0/24 $inner tap0 \
	>"$OUT/slirp" 2>&1 &
slirp=$!
until nsenter -t $inner -n ip addr show tap0 2>/dev/null | grep -q 198.18.9; do
	kill -0 $slirp
	sleep 0.05
done
nsenter -t $inner -n sh -e "$BOTH"
