# Scans inside the lab and watches the sockets with another program meanwhile.
# sh scan.sh TARGETS PORTS PRTIP-ARGUMENTS...
targets=$1 ports=$2
shift 2
result=/tmp/result.jsonl
sockets=/tmp/sockets
rm -f $result $sockets
prtip -sS -p "$ports" "$targets" --retries 0 --cooldown 1 --json "$@" >$result &
scan=$!
while kill -0 $scan 2>/dev/null && ! [ -s $sockets ]; do
	ss --xdp --extended --no-header >$sockets
	grep -q 'umem(' $sockets || rm -f $sockets
	sleep 0.1
done
wait $scan
code=$?
[ -s $sockets ] && cat $sockets
grep -E '"type":"(scan_started|ledger|scan_finished)"' $result
if [ $code = 0 ]; then
	prtip-bench lab check $TRUTH --targets "$targets" --ports "$ports" \
		--states open,closed,filtered $result
fi
exit $code
