# Names, time, files, directories, remote procedures: what networks are run with.

# DNS: version.bind, TXT, class CHAOS.
probe DnsVersion udp
    send "\x137\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"
    ports 53 5353 5355
    rarity 1

# The same over TCP.
probe DnsVersionTcp tcp
    send "\0\x1e\x137\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"
    ports 53
    tls-ports 853
    rarity 3
    fallback NULL GetRequest

section dns
    answers udp:DnsVersion DnsVersionTcp
    service domain

rule bind-debian
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})(?<version>9\.[\d.]+)-(?<package>[\w.+~-]+)
    product ISC BIND
    extra ${package}
    cpe a:isc:bind:${version}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x19\x189.18.33-1~deb12u2-Debian"
        from bind9 1:9.18.33-1~deb12u2
        is version 9.18.33
        is extra 1~deb12u2-Debian
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x12\x118.18.33-1~deb12u2"

rule bind
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})(?<version>[89]\.\d[\w.]*)
    product ISC BIND
    cpe a:isc:bind:${version}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x08\x079.18.19"
        from BIND 9.18.19
        is version 9.18.19
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x08\x077.18.19"

rule dnsmasq
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})dnsmasq-(?<version>[\w.+~-]+)
    product dnsmasq
    cpe a:thekelleys:dnsmasq:${version}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\r\x0cdnsmasq-2.90"
        from dnsmasq-base 2.90-4~deb12u1
        is version 2.90
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\r\x0cdnsmask-2.90"

rule unbound
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})unbound (?<version>[\w.]+)
    product Unbound
    cpe a:nlnetlabs:unbound:${version}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0f\x0eunbound 1.17.1"
        from unbound 1.17.1-2+deb12u3
        is version 1.17.1
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0e\runbond 1.17.1"

rule nsd
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})NSD (?<version>[\w.]+)
    product NSD
    cpe a:nlnetlabs:nsd:${version}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\n\tNSD 4.6.1"
        from nsd 4.6.1-1
        is version 4.6.1
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\n\tNDS 4.6.1"

rule knot
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})Knot DNS (?<version>[\w.]+)
    product Knot DNS
    cpe a:nic:knot_dns:${version}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0f\x0eKnot DNS 3.2.6"
        from knot 3.2.6-1+deb12u1
        is version 3.2.6
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0b\nKnot DSN 3"

rule knot-resolver
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})Knot Resolver (?<version>[\w.]+)
    product Knot Resolver
    cpe a:nic:knot_resolver:${version}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x14\x13Knot Resolver 5.6.0"
        from knot-resolver 5.6.0
        is version 5.6.0
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0f\x0eKnot Resolve 5"

rule powerdns-recursor
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})PowerDNS Recursor (?<version>[\w.]+)
    product PowerDNS Recursor
    cpe a:powerdns:recursor:${version}
    example
        "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0GFPowerDNS Recursor 4.8.8 (buil"
        "t Jan 31 2024 11:26:18 by root@localhost)"
        from pdns-recursor 4.8.8-1+deb12u1
        is version 4.8.8
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x13\x12PowerDNS Recurso 4"

rule powerdns
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})PowerDNS Authoritative Server (?<version>[\w.]+)
    product PowerDNS Authoritative Server
    cpe a:powerdns:authoritative:${version}
    example
        "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0JIPowerDNS Authoritative Server"
        " 4.7.3 (built Jan  1 2023 by root@localhost)"
        from pdns-server 4.7.3-2
        is version 4.7.3
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x1e\x1dPowerDNS Authorative Server 4"

rule microsoft
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})Microsoft DNS (?<version>[\w.]+)
    product Microsoft DNS
    os Windows
    cpe o:microsoft:windows
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\"!Microsoft DNS 6.1.7601 (1DB15D39)"
        from Windows Server 2008 R2
        is version 6.1.7601
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x10\x0fMicrosoft DSN 6"

rule coredns
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})CoreDNS-(?<version>[\w.]+)
    product CoreDNS
    cpe a:coredns.io:coredns:${version}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0f\x0eCoreDNS-1.11.1"
        from CoreDNS 1.11.1, chaos plugin
        is version 1.11.1
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\n\tCoreDSN-1"

rule maradns
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})MaraDNS version ?
    product MaraDNS
    cpe a:maradns:maradns
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x1c\x1bMaraDNS version number: 2.0"
        from MaraDNS 2.0
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x10\x0fMoraDNS version"

rule technitium
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})Technitium
    product Technitium DNS Server
    cpe a:technitium:dnsserver
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x16\x15Technitium DNS Server"
        from Technitium DNS Server 11
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x0b\nTechnetium"

rule any-text
    soft
    match \x00\x10\x00\x03\xc0\x0c\x00\x10\x00\x03(?s:.{7})(?<text>[\x20-\x7e]+)
    extra version.bind: ${text}
    example "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x16\x15none of your business"
        from BIND 9, options { version "none of your business"; }
        is extra version.bind: none of your business
    near "\x137\x85\0\0\x01\0\x01\0\0\0\0\x07version\x04bind\0\0\x10\0\x03\xc0\x0c\0\x10\0\x03\0\0\0\0\0\x04\x03\x01\x02\x03"

rule rcode-1
    match ^(?:\x00[\x0c-\xff])?\x13\x37[\x80-\x87][\x01\x81\x11\x21]
    extra version.bind: format error
    example "\x137\x85\x01\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"
        from RFC 1035 section 4.1.1; RFC 4892
    near "\x137\x85\x02\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"

rule rcode-2
    match ^(?:\x00[\x0c-\xff])?\x13\x37[\x80-\x87][\x02\x82\x12\x22]
    extra version.bind: server failure
    example "\x137\x85\x02\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"
        from RFC 1035 section 4.1.1; RFC 4892
    near "\x137\x85\x03\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"

rule rcode-3
    match ^(?:\x00[\x0c-\xff])?\x13\x37[\x80-\x87][\x03\x83\x13\x23]
    extra version.bind: no such name
    example "\x137\x85\x03\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"
        from RFC 1035 section 4.1.1; RFC 4892
    near "\x137\x85\x04\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"

rule rcode-4
    match ^(?:\x00[\x0c-\xff])?\x13\x37[\x80-\x87][\x04\x84\x14\x24]
    extra version.bind: not implemented
    example "\x137\x85\x04\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"
        from RFC 1035 section 4.1.1; RFC 4892
    near "\x137\x85\x05\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"

rule rcode-5
    match ^(?:\x00[\x0c-\xff])?\x13\x37[\x80-\x87][\x05\x85\x15\x25]
    extra version.bind: refused
    example "\x137\x85\x05\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"
        from RFC 1035 section 4.1.1; RFC 4892
    near "\x137\x85\x06\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"

rule any
    soft
    match ^(?:\x00[\x0c-\xff])?\x13\x37[\x80-\xff]
    example "\x137\x85\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03"
        from RFC 1035
    near "\x137\x01\0\0\0"

# NTP control message (RFC 9327): read variables.
probe NtpVersion udp
    send "\x16\x02\0\x01\0\0\0\0\0\0\0\0"
    ports 123
    rarity 3

# NTP (RFC 5905): a client packet.
probe NtpTime udp
    send "\xe3\0\x04\xfa\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xc5O#Kq\xb1R\xf3"
    ports 123
    rarity 2

section ntp
    answers udp:NtpVersion udp:NtpTime
    service ntp

rule ntpsec
    match ^[\x16\x1e\x0e]\x82(?s:.{10})version="ntpd ntpsec-(?<version>[\w.+~-]+)
    product NTPsec
    cpe a:ntpsec:ntpsec:${version}
    example "\x16\x82\0\x01\x06\x15\0\0\0\0\0Fversion=\"ntpd ntpsec-1.2.2\", processor=\"x86_64\", system=\"Linux/6.18.0\""
        from ntpsec 1.2.2+dfsg1-1+deb12u1
        is version 1.2.2
    near "\x16\x82\0\x01\x06\x15\0\0\0\0\0\x1bversion=\"ntpd ntpsek-1.2.2\""

rule ntpd
    match ^[\x16\x1e\x0e]\x82(?s:.{10})version="ntpd (?<version>[\w.]+)
    product NTP
    cpe a:ntp:ntp:${version}
    example
        "\x16\x82\0\x01\x06\x15\0\0\0\0\0Uversion=\"ntpd 4.2.8p15@1.3728-o Wed Sep 23 11:46:38 UTC 2020"
        " (1)\", processor=\"x86_64\""
        from ntp 1:4.2.8p15, Debian 11
        is version 4.2.8p15
    near "\x16\x82\0\x01\x06\x15\0\0\0\0\0\x14version=\"ntpx 4.2.8\""

rule openntpd-or-other
    soft
    match ^[\x16\x1e\x0e]\x82
    example "\x16\x82\0\x01\x06\x15\0\0\0\0\0\x16system=\"cisco\", leap=0"
        from RFC 9327
    near "\x16\x02\0\x01\0\0\0\0"

rule server-v4
    match ^[\x24\x64\xe4][\x00-\x10](?s:.{46})\z
    extra NTPv4
    example "$\x02\x04\xfa\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        from RFC 5905; chrony 4.3, ntpsec 1.2.2
    near "#\x02\x04\xfa\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

rule server-v3
    match ^[\x1c\x5c\xdc][\x00-\x10](?s:.{46})\z
    extra NTPv3
    example "\x1c\x02\x04\xfa\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        from RFC 1305; Windows w32time
    near "\x1b\x02\x04\xfa\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

# SNMP 2c: sysDescr.0 of community public.
probe SnmpPublic udp
    send "0)\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x0e0\x0c\x06\x08+\x06\x01\x02\x01\x01\x01\0\x05\0"
    ports 161
    rarity 2

# SNMPv3: an engine discovery (RFC 3414 section 4).
probe SnmpV3 udp
    send "0>\x02\x01\x030\x11\x02\x04ziJi\x02\x03\0\xff\xe3\x04\x01\x04\x02\x01\x03\x04\x100\x0e\x04\0\x02\x01\0\x02\x01\0\x04\0\x04\0\x04\00\x14\x04\0\x04\0\xa0\x0e\x02\x04\x13n\x1a^\x02\x01\0\x02"
        "\x01\00\0"
    ports 161
    rarity 3

section snmp
    answers udp:SnmpPublic
    service snmp

rule net-snmp-linux
    match ^\x30
    match \x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x04[\x00-\xff]Linux (?<host>[\w.-]+) (?<kernel>[\w.-]+)
    product Net-SNMP or similar
    extra Linux ${kernel}
    os Linux
    cpe o:linux:linux_kernel:${kernel}
    example "0M\x02\x01\x01\x04\x06public\xa2@\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00200\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04$Linux debian 6.1.0-28-amd64 #1 SMP x"
        from snmpd 5.9.3+dfsg-2+deb12u1
        is host debian
        is extra Linux 6.1.0-28-amd64
    near "09\x02\x01\x01\x04\x06public\xa2,\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x1e0\x1c\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\x10Linus debian 6.1"

rule windows
    match ^\x30
    match \x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x04[\x00-\xff]Hardware:\x20
    product Microsoft Windows SNMP service
    os Windows
    cpe o:microsoft:windows
    example
        "0j\x02\x01\x01\x04\x06public\xa2]\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00O0M\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04AHardware: Intel64 - Software:"
        " Windows Version 6.3 (Build 17763 Mp"
        from Windows Server 2019
    near "05\x02\x01\x01\x04\x06public\xa2(\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x1a0\x18\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\x0cHardwares: x"

rule cisco
    match ^\x30
    match \x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x04[\x00-\xff]Cisco\x20
    product Cisco SNMP service
    os IOS
    device router
    cpe o:cisco:ios
    example
        "0r\x02\x01\x01\x04\x06public\xa2e\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00W0U\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04ICisco IOS Software, C2960 Sof"
        "tware (C2960-LANBASEK9-M), Version 15.0(2)SE"
        from Cisco Catalyst 2960
    near "03\x02\x01\x01\x04\x06public\xa2&\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x180\x16\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\nCiscos IOX"

rule hp-printer
    match ^\x30
    match \x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x04[\x00-\xff]HP ETHERNET MULTI-ENVIRONMENT
    product HP printer SNMP service
    device printer
    example
        "0_\x02\x01\x01\x04\x06public\xa2R\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00D0B\x06\x08+\x06\x01\x02\x01\x01\x01\0\x046HP ETHERNET MULTI-ENVIRONMENT"
        ",ROM none,JETDIRECT,JD153"
        from HP LaserJet
    near "04\x02\x01\x01\x04\x06public\xa2'\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x190\x17\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\x0bHP ETHERNET"

rule mikrotik
    match ^\x30
    match \x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x04[\x00-\xff]RouterOS (?<model>[\w-]+)
    product MikroTik RouterOS SNMP service
    extra ${model}
    os RouterOS
    device router
    cpe o:mikrotik:routeros
    example "0:\x02\x01\x01\x04\x06public\xa2-\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x1f0\x1d\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\x11RouterOS RB750Gr3"
        from RouterOS 6
        is extra RB750Gr3
    near "04\x02\x01\x01\x04\x06public\xa2'\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x190\x17\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\x0bRouterOX RB"

rule any-description
    soft
    match ^\x30
    match \x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x04[\x00-\xff](?<text>[\x20-\x7e]+)
    extra ${text}
    example "04\x02\x01\x01\x04\x06public\xa2'\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x190\x17\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\x0bSome device"
        from RFC 3418
        is extra Some device
    near "0+\x02\x01\x01\x04\x06public\xa2\x1e\x02\x04\x13n\x1a^\x02\x01\0\x02\x01\00\x100\x0e\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\x02\0\0"

rule any
    soft
    match ^\x30[\x20-\xff](?s:.{0,3})\x02\x01[\x00\x01\x03]
    example "0)\x02\x01\x01\x04\x06public"
        from RFC 3416
    near "1)\x02\x01\x01"

section snmpv3
    answers udp:SnmpV3
    service snmp

rule net-snmp
    match \x04[\x00-\xff]\x80\x00\x1f\x88
    product Net-SNMP
    extra SNMPv3
    cpe a:net-snmp:net-snmp
    example "0i\x02\x01\x030\x11\x02\x04ziJi\x02\x03\0\xff\xe3\x04\x01\0\x02\x01\x03\x04'0%\x04\x11\x80\0\x1f\x88\x80Y\xdcHaE\xa2c\"\0\0\0\0"
        from snmpd 5.9.3
    near "0i\x02\x01\x03\x04\x11\x80\0\x1f\x89"

rule cisco
    match \x04[\x00-\xff]\x80\x00\x00\x09\x03
    product Cisco SNMP service
    extra SNMPv3
    cpe o:cisco:ios
    example "0i\x02\x01\x03\x04\x11\x80\0\0\t\x03\0\x11\"3DU"
        from Cisco IOS 15
    near "0i\x02\x01\x03\x04\x11\x80\0\0\t\x04\0\x11"

rule any
    soft
    match ^\x30[\x20-\xff](?s:.{0,3})\x02\x01\x03\x30
    extra SNMPv3
    example "0i\x02\x01\x030\x11\x02\x04"
        from RFC 3414
    near "0i\x02\x01\x020\x11\x02\x04"

# TFTP (RFC 1350): a file that is not there.
probe TftpRead udp
    send "\0\x01prtip-none\0octet\0"
    ports 69
    any-port
    rarity 4

section tftp
    answers udp:TftpRead
    service tftp

rule tftpd-hpa
    match ^\x00\x05\x00\x01File not found\x00
    product tftpd-hpa or similar
    example "\0\x05\0\x01File not found\0"
        from tftpd-hpa 5.2
    near "\0\x05\0\x01File not Found\0"

rule error
    soft
    match ^\x00\x05\x00[\x00-\x08]
    example "\0\x05\0\x02Access violation\0"
        from RFC 1350
    near "\0\x06\0\x02"

# ONC RPC (RFC 5531): NULL of the port mapper.
probe RpcNull udp
    send "\x1a+<M\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\0\0\0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 111 2049 635
    rarity 4

# The same over TCP.
probe RpcNullTcp tcp
    send "\x80\0\0(\x1a+<M\0\0\0\0\0\0\0\x02\0\x01\x86\xa0\0\0\0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 111 2049
    rarity 5
    fallback NULL GetRequest

section rpc
    answers udp:RpcNull RpcNullTcp
    service rpcbind

# Of a version that does not exist: the answer names the lowest and the highest one.
rule versions
    match ^(?:\x80\x00\x00[\x00-\xff])?\x1a\x2b\x3c\x4d\x00\x00\x00\x01\x00\x00\x00\x00(?s:.{8})\x00\x00\x00\x02(?<low>\x00\x00\x00[\x01-\x09])(?<high>\x00\x00\x00[\x01-\x09])
    version ${low|big-endian}-${high|big-endian}
    extra RPC program 100000
    example "\x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x02\0\0\0\x04"
        from rpcbind 1.2.6-6+b1; RFC 5531
        is version 2-4
    near "\x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x02\0\0\0\x04"

rule accepted
    match ^(?:\x80\x00\x00[\x00-\xff])?\x1a\x2b\x3c\x4d\x00\x00\x00\x01\x00\x00\x00\x00(?s:.{8})\x00\x00\x00\x00
    extra RPC program 100000
    example "\x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        from rpcbind 1.2.6-6+b1; RFC 5531
    near "\x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"

rule not-here
    service rpc
    match ^(?:\x80\x00\x00[\x00-\xff])?\x1a\x2b\x3c\x4d\x00\x00\x00\x01\x00\x00\x00\x00(?s:.{8})\x00\x00\x00\x01
    extra another RPC program
    example "\x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
        from RFC 5531; NFS server
    near "\x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05"

# NFS version 3 (RFC 1813): NULL.
probe NfsNullTcp tcp
    send "\x80\0\0(\x1a+<M\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 2049
    rarity 5
    fallback NULL GetRequest

section nfs
    answers NfsNullTcp
    service nfs

rule v3
    match ^(?:\x80\x00\x00[\x00-\xff])?\x1a\x2b\x3c\x4d\x00\x00\x00\x01\x00\x00\x00\x00(?s:.{8})\x00\x00\x00\x00
    extra NFSv3
    example "\x80\0\0\x18\x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        from Linux 6.1 knfsd; RFC 1813
    near "\x80\0\0\x18\x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03"

rule other
    match ^(?:\x80\x00\x00[\x00-\xff])?\x1a\x2b\x3c\x4d\x00\x00\x00\x01\x00\x00\x00\x00(?s:.{8})\x00\x00\x00\x02
    extra NFS, not version 3
    example "\x80\0\0 \x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x04\0\0\0\x04"
        from Linux 6.1 knfsd, NFSv4 only; RFC 5531
    near "\x80\0\0 \x1a+<M\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03"

section rsync
    answers NULL
    service rsync

rule rsyncd
    match ^@RSYNCD: (?<protocol>[\d.]+)
    product rsync
    extra protocol ${protocol}
    cpe a:samba:rsync
    example "@RSYNCD: 31.0 sha512 sha256 sha1 md5 md4\n"
        from rsync 3.2.7-1+deb12u2
        is extra protocol 31.0
    near "@RSYNC: 31.0\n"

# git (gitprotocol-pack): a repository that is not there.
probe GitUpload tcp
    send "002bgit-upload-pack /prtip-none\0host=prtip\0"
    ports 9418
    rarity 6
    fallback NULL GetRequest

section git
    answers GitUpload
    service git

rule error
    match ^00[0-9a-f]{2}ERR (?<text>[^\r\n]*)
    product git daemon
    extra ${text}
    cpe a:git-scm:git
    example "0032ERR access denied or repository not exported: /x"
        from git 1:2.39.5-0+deb12u2, git daemon
        is extra access denied or repository not exported: /x
    near "0032ERX access denied"

rule advertisement
    match ^00[0-9a-f]{2}[0-9a-f]{40}\x20
    product git daemon
    cpe a:git-scm:git
    example "003faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HEAD\0multi_ack"
        from git 2.39, gitprotocol-pack
    near "003fzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz HEAD"

section svn
    answers NULL
    service svn

rule svnserve
    match ^\( success \( 2 2\x20
    product Apache Subversion svnserve
    cpe a:apache:subversion
    example
        "( success ( 2 2 ( ) ( edit-pipeline svndiff1 absent-entries commit-revpr"
        "ops depth log-revprops atomic-revprops ) ) ) "
        from subversion 1.14.2-4+deb12u1, svnserve
    near "( success ( 1 2 "

probe CvsPserver tcp
    send "BEGIN AUTH REQUEST\n/none\nprtip\nA\nEND AUTH REQUEST\n"
    ports 2401
    rarity 8
    fallback NULL GetRequest

section cvs
    answers CvsPserver
    service cvspserver

rule refused
    match ^I HATE YOU\n
    product CVS pserver
    cpe a:cvs:cvs
    example "I HATE YOU\n"
        from cvsclient protocol, authentication
    near "I LIKE YOU\n"

rule no-such-root
    match ^error 0 /[^\n]*: no such (?:repository|system user)
    product CVS pserver
    cpe a:cvs:cvs
    example "error 0 /none: no such repository\n"
        from cvs 1.12
    near "error 0 none\n"

# LDAP (RFC 4511): the root DSE, all attributes.
probe LdapRoot tcp
    send "0%\x02\x01\x01c \x04\0\n\x01\0\n\x01\0\x02\x01\0\x02\x01\0\x01\x01\0\x87\x0bobjectClass0\0"
    ports 389 3268
    tls-ports 636 3269
    rarity 3
    fallback NULL GetRequest

section ldap
    answers LdapRoot
    service ldap

rule active-directory
    match rootDomainNamingContext
    match dsServiceName
    product Microsoft Active Directory LDAP
    os Windows
    cpe o:microsoft:windows
    example
        "0f\x02\x01\x01da\x04\00]0.\x04\x17rootDomainNamingContext1\x13\x04\x11DC=example,DC=org0+\x04\rdsService"
        "Name1\x1a\x04\x18CN=NTDS Settings,CN=DC010\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"
        from MS-ADTS 3.1.1.3.2; Windows Server 2019
    near "0>\x02\x01\x01d9\x04\0050\x1a\x04\nrootDomain1\x0c\x04\nDC=example0\x17\x04\rdsServiceName1\x06\x04\x04CN=x0\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"

rule openldap
    match OpenLDAProotDSE
    product OpenLDAP
    cpe a:openldap:openldap
    example "00\x02\x01\x01d+\x04\00'0%\x04\x0bobjectClass1\x16\x04\x03top\x04\x0fOpenLDAProotDSE0\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"
        from slapd 2.5.13+dfsg-5
    near "0,\x02\x01\x01d'\x04\00#0!\x04\x0bobjectClass1\x12\x04\x03top\x04\x0bLDAProotDSE0\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"

rule 389ds
    match 389-Directory/(?<version>[\w.]+)
    product 389 Directory Server
    cpe a:redhat:389_directory_server:${version}
    example
        "0V\x02\x01\x01dQ\x04\00M0\x1b\x04\nvendorName1\r\x04\x0b389 Project0.\x04\rvendorVersion1\x1d\x04\x1b389-Directo"
        "ry/2.3.1 B2023.10\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"
        from 389-ds-base 2.3.1
        is version 2.3.1
    near "0-\x02\x01\x01d(\x04\00$0\"\x04\rvendorVersion1\x11\x04\x0f388-Directory/10\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"

rule apacheds
    match ApacheDS
    product Apache Directory Server
    cpe a:apache:apacheds
    example
        "0V\x02\x01\x01dQ\x04\00M0*\x04\nvendorName1\x1c\x04\x1aApache Software Foundation0\x1f\x04\rvendorVersion"
        "1\x0e\x04\x0cApacheDS 2.00\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"
        from ApacheDS 2.0
    near "0!\x02\x01\x01d\x1c\x04\00\x180\x16\x04\nvendorName1\x08\x04\x06Apache0\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"

rule opendj
    match OpenDJ
    product OpenDJ
    cpe a:forgerock:opendj
    example
        "0N\x02\x01\x01dI\x04\00E0\x1d\x04\nvendorName1\x0f\x04\rForgeRock AS.0$\x04\rvendorVersion1\x13\x04\x11OpenDJ Se"
        "rver 3.00\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"
        from OpenDJ 3.0
    near "0$\x02\x01\x01d\x1f\x04\00\x1b0\x19\x04\rvendorVersion1\x08\x04\x06OpenJD0\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"

rule any
    soft
    match ^\x30(?s:.{1,6})\x02\x01\x01[\x64\x65]
    example "0\x0c\x02\x01\x01e\x07\n\x01\0\x04\0\x04\0"
        from RFC 4511
    near "0\x0c\x02\x01\x01f\x07\n\x01\0"

# Kerberos 5 (RFC 4120): AS-REQ for a realm that is not there.
probe KerberosTcp tcp
    send "\0\0\0yjw0u\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\n\xa4i0g\xa0\x07\x03\x05\0\0\0\0\x10\xa1\x120\x10\xa0\x03\x02\x01\x01\xa1\t0\x07\x1b\x05prtip\xa2\x07\x1b\x05PRTIP"
        "\xa3\x1a0\x18\xa0\x03\x02\x01\x02\xa1\x110\x0f\x1b\x06krbtgt\x1b\x05PRTIP\xa5\x11\x18\x0f19700101000000Z\xa7\x06\x02\x04\x1a+<M\xa8\x080\x06\x02"
        "\x01\x12\x02\x01\x11"
    ports 88 749
    rarity 5
    fallback NULL GetRequest

probe Kerberos udp
    send "jw0u\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\n\xa4i0g\xa0\x07\x03\x05\0\0\0\0\x10\xa1\x120\x10\xa0\x03\x02\x01\x01\xa1\t0\x07\x1b\x05prtip\xa2\x07\x1b\x05PRTIP\xa3\x1a0\x18"
        "\xa0\x03\x02\x01\x02\xa1\x110\x0f\x1b\x06krbtgt\x1b\x05PRTIP\xa5\x11\x18\x0f19700101000000Z\xa7\x06\x02\x04\x1a+<M\xa8\x080\x06\x02\x01\x12\x02\x01"
        "\x11"
    ports 88
    rarity 5

section kerberos
    answers KerberosTcp udp:Kerberos
    service kerberos-sec

rule mit
    match ^(?:\x00\x00[\x00-\xff]{2})?\x7e(?s:.{1,2})\x30
    match \xab[\x00-\x7f]\x1b[\x00-\x7f][A-Z_]{6,}
    product MIT Kerberos
    cpe a:mit:kerberos_5
    example
        "~d0b\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20261126024500Z\xa5\x05\x02\x03\x01\x02\x03\xa6\x03\x02\x01\x06\xa9\x07\x1b\x05PRTIP\xaa\x1a0\x18\xa0\x03\x02\x01\x02\xa1\x110\x0f\x1b\x06krb"
        "tgt\x1b\x05PRTIP\xab\x12\x1b\x10CLIENT_NOT_FOUND"
        from krb5-kdc 1.20.1-2+deb12u3
    near
        "~Z0X\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20261126024500Z\xa5\x05\x02\x03\x01\x02\x03\xa6\x03\x02\x01\x06\xa9\x07\x1b\x05PRTIP\xaa\x1a0\x18\xa0\x03\x02\x01\x02\xa1\x110\x0f\x1b\x06krb"
        "tgt\x1b\x05PRTIP\xab\x08\x1b\x06client"

rule heimdal
    match ^(?:\x00\x00[\x00-\xff]{2})?\x7e
    match No such entry in the database
    product Heimdal Kerberos
    cpe a:heimdal_project:heimdal
    example
        "~q0o\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20261126024500Z\xa5\x05\x02\x03\x01\x02\x03\xa6\x03\x02\x01\x06\xa9\x07\x1b\x05PRTIP\xaa\x1a0\x18\xa0\x03\x02\x01\x02\xa1\x110\x0f\x1b\x06krb"
        "tgt\x1b\x05PRTIP\xab\x1f\x1b\x1dNo such entry in the database"
        from Heimdal 7.8 KDC
    near
        "~a0_\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20261126024500Z\xa5\x05\x02\x03\x01\x02\x03\xa6\x03\x02\x01\x06\xa9\x07\x1b\x05PRTIP\xaa\x1a0\x18\xa0\x03\x02\x01\x02\xa1\x110\x0f\x1b\x06krb"
        "tgt\x1b\x05PRTIP\xab\x0f\x1b\rNo such entry"

rule any
    match ^(?:\x00\x00[\x00-\xff]{2})?\x7e(?s:.{1,3})\x30(?s:.{1,3})\xa0\x03\x02\x01\x05
    extra Kerberos 5
    example "~P0N\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20261126024500Z\xa5\x05\x02\x03\x01\x02\x03\xa6\x03\x02\x01D\xa9\x07\x1b\x05PRTIP\xaa\x1a0\x18\xa0\x03\x02\x01\x02\xa1\x110\x0f\x1b\x06krbtgt\x1b\x05PRTIP"
        from RFC 4120; Windows Server 2019 KDC
    near "\x7fP0N\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20261126024500Z\xa5\x05\x02\x03\x01\x02\x03\xa6\x03\x02\x01D\xa9\x07\x1b\x05PRTIP\xaa\x1a0\x18\xa0\x03\x02\x01\x02\xa1\x110\x0f\x1b\x06krbtgt\x1b\x05PRTIP"

# RADIUS: Status-Server (RFC 5997).
probe RadiusStatus udp
    send "\x0c*\0&\0\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0fP\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 1812 1813
    rarity 7

section radius
    answers udp:RadiusStatus
    service radius

rule access
    match ^[\x02\x03\x05]\x2a\x00
    example "\x02*\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        from freeradius 3.2.1, status_server on; RFC 5997
    near "\x04*\0\x14"

# IPMI 2.0: Get Channel Authentication Capabilities.
probe IpmiRmcp udp
    send "\x06\0\xff\x07\0\0\0\0\0\0\0\0\0\t \x18\xc8\x81\08\x8e\x04\xb5"
    ports 623
    rarity 5

section ipmi
    answers udp:IpmiRmcp
    service asf-rmcp

rule v2
    match ^\x06\x00\xff\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x81\x1c\x63\x20\x00\x38\x00[\x00-\x0f][\x80-\xff]
    extra IPMI 2.0
    device remote management
    example "\x06\0\xff\x07\0\0\0\0\0\0\0\0\0\x10\x81\x1cc \08\0\x01\x97>\x03\0\0\0\0\xcb"
        from IPMI 2.0 section 22.13; Supermicro BMC
    near "\x06\0\xff\x07\0\0\0\0\0\0\0\0\0\x10\x81\x1cc \08\0\x01\x17>\x03\0\0\0\0\xcb"

rule v1.5
    match ^\x06\x00\xff\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x81\x1c\x63\x20\x00\x38\x00[\x00-\x0f][\x00-\x7f]
    extra IPMI 1.5
    device remote management
    example "\x06\0\xff\x07\0\0\0\0\0\0\0\0\0\x10\x81\x1cc \08\0\x01\x17>\x03\0\0\0\0\xcb"
        from IPMI 1.5 section 18.12
    near "\x06\0\xff\x07\0\0\0\0\0\0\0\0\0\x10\x81\x1cc \08\0\x01\x97>"
