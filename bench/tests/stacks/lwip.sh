# In a network namespace of its own: lwIP on a tap device.
ip tuntap add dev tap0 mode tap
ip addr add 198.18.9.1/24 dev tap0
ip addr add 2001:2:0:9::1/64 dev tap0 nodad
ip link set tap0 up
ip link set lo up
PRECONFIGURED_TAPIF=tap0 LD_LIBRARY_PATH=$STACK_LIBRARIES "$STACK" >"$OUT/said" &
trap "kill $!" EXIT
until [ -s "$OUT/said" ]; do kill -0 $!; sleep 0.05; done
sh -e "$BOTH"
