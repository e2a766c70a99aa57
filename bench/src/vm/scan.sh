# Scans inside the lab and watches the sockets with another program meanwhile.
# Paced, and with two retries: the emulated cards have 256 slots, and what a burst of
# answers finds no room in is lost on the wire, not in the scanner.
# sh scan.sh TARGETS PORTS PRTIP-ARGUMENTS...
targets=$1 ports=$2
shift 2
result=/tmp/result.jsonl
sockets=/tmp/sockets
ended=/tmp/ended
rm -f $result $sockets $ended
{
	prtip -sS -p "$ports" "$targets" --retries 2 --cooldown 1 --json --show open,closed,filtered \
		"$@" >$result
	echo $? >$ended
} &
while ! [ -e $ended ] && ! [ -s $sockets ]; do
	ss --xdp --extended --no-header >$sockets
	[ "$(grep -c 'umem(' $sockets)" = "$SOCKETS" ] || rm -f $sockets
	sleep 0.1
done
wait
code=$(cat $ended)
[ -s $sockets ] && cat $sockets
grep -E '"type":"(scan_started|ledger|scan_finished)"' $result
if [ $code = 0 ]; then
	prtip-bench lab check $TRUTH --targets "$targets" --ports "$ports" \
		--states open,closed,filtered $result
fi
exit $code
