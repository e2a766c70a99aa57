# Scans inside the lab and watches the sockets with another program meanwhile.
# Paced, and with two retries: the emulated cards have 256 slots, and what a burst of
# answers finds no room in is lost on the wire, not in the scanner.
# sh scan.sh TARGETS PORTS PRTIP-ARGUMENTS...
targets=$1 ports=$2
shift 2
result=/tmp/result.jsonl
sockets=/tmp/sockets
listed=/tmp/listed
ended=/tmp/ended
rm -f $result $sockets $ended
{
	prtip -sS -p "$ports" "$targets" --retries 2 --cooldown 1 --json --show open,closed,filtered \
		"$@" >$result
	echo $? >$ended
} &
# The last whole list, for what the kernel has counted by then.
while ! [ -e $ended ]; do
	ss --xdp --extended --no-header >$listed
	[ "$(grep -c 'umem(' $listed)" = "$SOCKETS" ] && mv $listed $sockets
	sleep 0.3
done
wait
code=$(cat $ended)
[ -s $sockets ] && cat $sockets
grep -E '"type":"(scan_started|ledger|scan_finished|os_started|os_finished)"' $result
if [ $code = 0 ]; then
	prtip-bench lab check $TRUTH --targets "$targets" --ports "$ports" \
		--states open,closed,filtered $result
fi
exit $code
