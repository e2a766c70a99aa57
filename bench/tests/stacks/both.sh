# Asks the host by both; by IPv6 ours alone.
"$PRTIP" -O -p 80,81 198.18.9.2 --cooldown 0.3 --osscan-guess --os-db "$OS_DB" --json >"$OUT/ours"
[ -z "$V6" ] || "$PRTIP" -O -p 80,81 2001:2:0:9::2 --cooldown 0.3 --json >"$OUT/ours-v6"
LD_LIBRARY_PATH=$NMAP_LIBRARIES "$NMAP" -n -Pn -O --osscan-guess --max-os-tries 1 -d -p 80,81 \
	-oX "$OUT/theirs" 198.18.9.2 >"$OUT/text"
