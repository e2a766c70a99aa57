# Monitoring, printing, building, sharing, and small services of old.

section distcc
    answers DistccEmpty
    service distccd

# distcc protocol 1: an empty source, preprocessed, to be compiled by cc.
probe DistccEmpty tcp
    send "DIST00000001ARGC00000005ARGV00000002ccARGV00000002-cARGV00000003p.cARGV00000002-oARGV00000003p.oD"
        "OTI00000000"
    ports 3632
    rarity 7
    fallback NULL GetRequest

rule done
    match ^DONE00000001STAT[0-9a-f]{8}SERR
    product distccd
    cpe a:samba:distcc
    example "DONE00000001STAT00000000SERR00000000SOUT00000000DOTO00000338\x7fELF"
        from distcc 3.4+really3.4-4
    near "DONE00000002STAT00000000SERR00000000"

section nbd
    answers NULL
    service nbd

# Network block device, newstyle handshake: two words and flags.
rule newstyle
    match ^NBDMAGICIHAVEOPT(?s:..)
    extra newstyle handshake
    example "NBDMAGICIHAVEOPT\0\x03"
        from nbd-server 1:3.24-1.1; the protocol's description
    near "NBDMAGICIHAVE"

rule oldstyle
    match ^NBDMAGIC\x00\x00\x42\x02\x81\x86\x12\x53
    extra oldstyle handshake
    example "NBDMAGIC\0\0B\x02\x81\x86\x12S\0\0\0\0\0\x01\0\0"
        from the protocol's description
    near "NBDMAGIC\0\0B\x03"

probe ClamVersion tcp
    send "VERSION\n"
    ports 3310
    rarity 8
    fallback NULL GetRequest

section clamd
    answers ClamVersion
    service clam

rule version
    match ^ClamAV (?<version>[\w.]+)/?
    product ClamAV
    cpe a:clamav:clamav:${version}
    example "ClamAV 1.0.7/27400/Thu Nov 26 08:25:42 2026\n"
        from clamav-daemon 1.0.7
        is version 1.0.7
    near "ClamAW 1\n"

probe SpamdPing tcp
    send "PING SPAMC/1.2\r\n\r\n"
    ports 783
    rarity 8
    fallback NULL GetRequest

section spamd
    answers SpamdPing
    service spamd

rule pong
    match ^SPAMD/(?<protocol>[\d.]+) 0 PONG
    product SpamAssassin spamd
    extra protocol ${protocol}
    cpe a:apache:spamassassin
    example "SPAMD/1.5 0 PONG\r\n"
        from spamd 4.0.0
        is extra protocol 1.5
    near "SPAMD/1.5 0 PING\r\n"

rule error
    match ^SPAMD/[\d.]+ (?:EX_)?\d+\x20
    product SpamAssassin spamd
    cpe a:apache:spamassassin
    example "SPAMD/1.0 76 Bad header line: x\r\n"
        from spamd 4.0.0
    near "SPAMD/x\r\n"

section munin
    answers NULL
    service munin

rule node
    match ^# munin node at (?<host>[\w.-]+)\n
    product Munin node
    cpe a:munin-monitoring:munin
    example "# munin node at web01\n"
        from munin-node 2.0.73-1
        is host web01
    near "# munin nod at web01\n"

section zabbix
    answers ZabbixPing
    service zabbix-agent

probe ZabbixPing tcp
    send "ZBXD\x01\n\0\0\0\0\0\0\0agent.ping"
    ports 10050
    rarity 7
    fallback NULL GetRequest

rule agent
    match ^ZBXD\x01(?s:.{8})1\z
    product Zabbix agent
    cpe a:zabbix:zabbix_agent
    example "ZBXD\x01\x01\0\0\0\0\0\0\01"
        from zabbix-agent 1:6.0.14
    near "ZBXD\x02\x01\0\0\0\0\0\0\01"

rule other
    match ^ZBXD[\x01\x03]
    product Zabbix
    cpe a:zabbix:zabbix
    example "ZBXD\x01\x10\0\0\0\0\0\0\0ZBX_NOTSUPPORTED"
        from zabbix-agent 1:6.0.14
    near "ZBXE\x01"

section check-mk
    answers NULL
    service check_mk

rule agent
    match ^<<<check_mk>>>\nVersion: (?<version>[\w.]+)
    product Checkmk agent
    cpe a:checkmk:checkmk:${version}
    example "<<<check_mk>>>\nVersion: 2.1.0p18\nAgentOS: linux\n"
        from check-mk-agent 2.1.0p18
        is version 2.1.0p18
    near "<<<check>>>\nVersion: 2\n"

probe BaculaHello tcp
    send "\0\0\0\x1aHello *prtip* calling 102\n"
    ports 9101-9103
    rarity 8
    fallback NULL GetRequest

section bacula-dir
    answers BaculaHello
    service bacula

rule fd-refused
    match ^\x00\x00\x00(?s:.)hello\.c:\d+ Connection from unknown Director\x20
    product Bacula file daemon
    cpe a:bacula:bacula
    example "\0\0\0Lhello.c:109 Connection from unknown Director *prtip* at 127.0.0.1 rejected.\n"
        from bacula-fd 9.6.7-7
    near "\0\0\0Lhello.c:109 Connection from Director"

rule refused
    match ^\x00\x00\x00(?s:.)(?:2999 Authentication failed|1999 Authorization failed|2999 No Authentication)
    product Bacula
    cpe a:bacula:bacula
    example "\0\0\0\x1c2999 Authentication failed.\n"
        from bacula-fd 9.6.7-7
    near "\0\0\0\x1c2998 Authentication failed"

section nut
    answers NutVersion
    service nut

probe NutVersion tcp
    send "VER\n"
    ports 3493
    rarity 8
    fallback NULL GetRequest

rule upsd
    match ^Network UPS Tools upsd (?<version>[\w.-]+)
    product Network UPS Tools upsd
    example "Network UPS Tools upsd 2.8.0 - http://www.networkupstools.org/\n"
        from nut-server 2.8.0-7
        is version 2.8.0
    near "Network UPX Tools upsd 2\n"

section apcupsd
    answers ApcStatus
    service apcupsd

probe ApcStatus tcp
    send "\0\x06status"
    ports 3551
    rarity 8
    fallback NULL GetRequest

rule status
    match ^\x00(?s:.)APC      :\x20
    match VERSION  : (?<version>[\w.]+)
    product apcupsd
    cpe a:apcupsd:apcupsd:${version}
    example "\0\x1bAPC      : 001,027,0656\n\0%VERSION  : 3.14.14 (31 May 2016) debian\n"
        from apcupsd 3.14.14-4
        is version 3.14.14
    near "\0\x1bAPX      : 001\n"

section mpd
    answers NULL
    service mpd

rule mpd
    match ^OK MPD (?<protocol>[\d.]+)\n
    product Music Player Daemon
    extra protocol ${protocol}
    cpe a:musicpd:music_player_daemon
    example "OK MPD 0.23.5\n"
        from mpd 0.23.12-1
        is extra protocol 0.23.5
    near "OK MPE 0.23.5\n"

section gpsd
    answers NULL
    service gpsd

rule json
    match ^\{"class":"VERSION","release":"(?<version>[\w.~+-]+)"
    product gpsd
    cpe a:gpsd_project:gpsd:${version}
    example "{\"class\":\"VERSION\",\"release\":\"3.22\",\"rev\":\"3.22\",\"proto_major\":3,\"proto_minor\":14}\r\n"
        from gpsd 3.22-4.1
        is version 3.22
    near "{\"class\":\"VERSIO\",\"release\":\"3.22\"}\r\n"

section dict
    answers NULL
    service dict

rule dictd
    match ^220 (?<host>[\w.-]+) dictd (?<version>[\w.]+)
    product dictd
    example "220 dict.example.org dictd 1.13.1/rf on Linux 6.1.0 <auth.mime> <1.2.3@dict.example.org>\r\n"
        from dictd 1.13.1
        is version 1.13.1
        is host dict.example.org
    near "220 dict.example.org ditcd 1\r\n"

section ganglia
    answers NULL
    service ganglia

rule xml
    match ^<\?xml version="1\.0"
    match <GANGLIA_XML VERSION="(?<version>[\w.]+)"
    product Ganglia gmond
    cpe a:ganglia:ganglia:${version}
    example
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" standalone=\"yes\"?>\n<!DOCTYPE G"
        "ANGLIA_XML [\n]>\n<GANGLIA_XML VERSION=\"3.7.2\" SOURCE=\"gmond\">\n"
        from ganglia-monitor 3.7.2-6
        is version 3.7.2
    near "<?xml version=\"1.0\"?><GANGLIA VERSION=\"3\""

section varnish-cli
    answers NULL
    service varnish-cli

rule auth
    match ^107 59      \n|^107 \d+ +\n
    product Varnish CLI
    extra authentication wanted
    cpe a:varnish-software:varnish_cache
    example "107 59      \nabcdefghijklmnopqrstuvwxyzabcdef\n\nAuthentication required.\n"
        from varnish 7.1.1, management port
    near "108 59\n"

rule open
    match ^200 \d+ +\n
    match varnish-(?<version>\d[\w.]*)
    product Varnish CLI
    cpe a:varnish-software:varnish_cache:${version}
    example
        "200 277     \n-----------------------------\nVarnish Cache CLI 1.0\n-------"
        "----------------------\nLinux,6.1.0,x86_64\nvarnish-7.1.1 revision 7cee1c5"
        "81bead20e88d101ab3d72afb29f14d87a\n"
        from varnish 7.1.1, management port without secret
        is version 7.1.1
    near "200 277     \nVarnis 7\n"

section finger
    answers FingerLine GetRequest
    service finger

# Finger (RFC 1288): a user that is not there; other servers tell of a bad command.
probe FingerLine tcp
    send "prtip\r\n"
    ports 79
    rarity 6
    fallback NULL GetRequest

rule bsd-finger
    match ^finger: prtip: no such user
    product bsd-finger
    example "finger: prtip: no such user.\n"
        from fingerd 0.17-17; finger 0.17
    near "finger: prtip: such user.\n"

rule no-user
    match ^(?:Login: |prtip: no such user)
    extra answers
    example "prtip: no such user.\n"
        from RFC 1288; GNU and other fingerds
    near "other: no such user.\n"

rule no-forwarding
    match ^fingerd: forwarding not allowed\r\n\z
    product GNU fingerd
    example "fingerd: forwarding not allowed\r\n"
        from fingerd 0.17-17, asked with an @
    near "fingerd: forwarding allowed\r\n"

section ident
    answers IdentQuery
    service ident

# Ident (RFC 1413).
probe IdentQuery tcp
    send "1, 2\r\n"
    ports 113
    rarity 7
    fallback NULL GetRequest

rule answer
    match ^1 ?, ?2 ?: ?(?:ERROR|USERID) ?:
    example "1 , 2 : ERROR : NO-USER\r\n"
        from RFC 1413; oidentd 3
    near "1 , 3 : ERROR : NO-USER\r\n"

section inetd
    answers NULL

rule daytime
    service daytime
    match ^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d \d{4}\r\n
    example "Thu Nov 26 02:45:00 2026\r\n"
        from openbsd-inetd 0.20221205; RFC 867
    near "Thursday Nov 26 02:45:00 2026\r\n"

# xinetd's own: RFC 867 leaves the form to the server.
rule daytime-xinetd
    service daytime
    match ^[ 0-3]\d (?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC) \d{4} \d\d:\d\d:\d\d [A-Z]{2,5}\r\n\z
    product xinetd
    cpe a:xinetd:xinetd
    example "26 NOV 2026 06:13:58 UTC\r\n"
        from xinetd 1:2.3.15.4-3
    near "26 NOV 2026 06:13 UTC\r\n"

# The first line of xinetd's own begins behind the space.
rule chargen-xinetd
    service chargen
    match ^!"#\$%&'\(\)\*\+,-\./0123456789:;<=>\?@ABCDEFGHIJKLMNOPQRSTUVWXYZ\[\\\]\^_`abcdefgh\r\n"#
    product xinetd
    cpe a:xinetd:xinetd
    example "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n\"#$%"
        from xinetd 1:2.3.15.4-3
    near "!\"#$%&'()*+,-./012345678"

# Time (RFC 868): seconds since 1900, and the connection is closed.
rule time
    service time
    match ^[\xe8-\xf7](?s:...)\z
    example "\xee\xb2K\xb5"
        from xinetd 1:2.3.15.4-3
    near "\xee\xb2K\xb5\0"

rule chargen
    service chargen
    match ^ !"#\$%&\'\(\)\*\+,-\./0123456789:;<=>\?@ABCDEFGHIJKLMNOPQRSTUVWXYZ
    example " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n"
        from openbsd-inetd 0.20221205; RFC 864
    near " !\"#$%&'()*+,-./012345678"

section echo
    answers FingerLine GetRequest
    service echo

rule request
    match ^GET / HTTP/1\.0\r\n\r\n\z
    example "GET / HTTP/1.0\r\n\r\n"
        from xinetd 1:2.3.15.4-3; RFC 862
    near "GET / HTTP/1.0\r\n"

rule finger-line
    match ^prtip\r\n\z
    example "prtip\r\n"
        from openbsd-inetd 0.20221205; RFC 862
    near "prtip\n"

section time
    answers udp:TimeDatagram
    service time

# Time (RFC 868).
probe TimeDatagram udp
    send "\0"
    ports 37
    rarity 8

rule time
    match ^[\xe0-\xff](?s:...)\z
    example "\xeeO\x124"
        from openbsd-inetd 0.20221205; RFC 868
    near "O\x124V"

section qotd
    answers udp:TimeDatagram
    service qotd

rule quote
    match ^"[\x20-\x7e\r\n]{20}
    example "\"A man who is not afraid is not aggressive, a man who has no sense of fear\""
        from RFC 865; Windows simple TCP/IP services
    near "A man\""

section gopher
    answers GopherRoot
    service gopher

# An empty line: Gopher (RFC 1436) lists its root.
probe GopherRoot tcp
    send "\r\n"
    ports 70
    rarity 6
    fallback NULL GetRequest

rule menu
    soft
    match ^[i0-9gIhTs][^\t\r\n]*\t[^\t\r\n]*\t[^\t\r\n]*\t\d+\r\n
    example "iWelcome to Gophernicus!\tTITLE\tnull.host\t1\r\n"
        from gophernicus 3.1.1-3
    near "iWelcome to Gophernicus!\tTITLE\r\n"

rule gophernicus
    match \t\d+\r\n
    match Gophered by Gophernicus/(?<version>[\w.]+)
    product Gophernicus
    cpe a:gophernicus:gophernicus
    example
        "iWelcome\tTITLE\tnull.host\t1\r\ni    Gophered by Gophernicus/3.1.1 on Debian"
        "/12 x86_64\t\tnull.host\t1\r\n.\r\n"
        from gophernicus 3.1.1-3
        is version 3.1.1
    near "iGopher by Gophernicus\tx\ty\t1\r\n"

section whois
    answers GopherRoot
    service whois

rule ripe
    match ^% This is the RIPE Database query service\.
    product RIPE Database
    example "% This is the RIPE Database query service.\n"
        from whois.ripe.net
    near "% This is the database\n"

# PJL: INFO ID. It is never sent unless asked for: other printers print it.
probe PjlInfo tcp
    send "\x1b%-12345X@PJL INFO ID\r\n\x1b%-12345X\r\n"
    rarity 9
    fallback NULL GetRequest

section pjl
    answers PjlInfo
    service jetdirect

rule id
    match ^@PJL INFO ID\r\n"?(?<product>[^"\r\n]+)
    device printer
    example "@PJL INFO ID\r\n\"hp LaserJet 4250\"\r\n\x0c"
        from HP PJL technical reference; LaserJet 4250
        is product hp LaserJet 4250
    near "@PJL INFO IDX\r\n"

# LPD (RFC 1179): long state of a queue that is not there.
probe LpdStatus tcp
    send "\x04prtip\n"
    ports 515
    rarity 7
    fallback NULL GetRequest

section lpd
    answers LpdStatus
    service printer

rule lprng
    match ^Printer: prtip@(?<host>[\w.-]+)
    product LPRng
    cpe a:lprng:lprng
    example "Printer: prtip@print01  - ERROR: spool queue for prtip does not exist\n"
        from LPRng 3.8
        is host print01
    near "Printer: lp@print01\n"

rule unknown-printer
    match ^(?:lpd: )?(?:prtip: )?(?:unknown printer|Unknown printer|Invalid queue name|no such printer)
    example "unknown printer\n"
        from cups-lpd 2.4; RFC 1179
    near "known printer\n"

# AJP 1.3: CPing.
probe AjpPing tcp
    send "\x124\0\x01\n"
    ports 8009
    rarity 6
    fallback NULL GetRequest

section ajp
    answers AjpPing
    service ajp13

rule pong
    match ^AB\x00\x01\x09
    product Apache Tomcat AJP connector
    cpe a:apache:tomcat
    example "AB\0\x01\t"
        from tomcat10 10.1.6
    near "AB\0\x01\x08"

# Java RMI: stream protocol.
probe RmiHandshake tcp
    send "JRMI\0\x02K"
    ports 1099 1098 9010
    rarity 6
    fallback NULL GetRequest

section rmi
    answers RmiHandshake
    service java-rmi

rule ack
    match ^\x4e\x00(?s:.)[\w.:-]+\x00\x00
    product Java RMI
    example "N\0\t127.0.0.1\0\0\xc1N"
        from Java RMI specification 10.2; OpenJDK 17 rmiregistry
    near "O\0\t127.0.0.1\0\0"

probe JdwpHandshake tcp
    send "JDWP-Handshake"
    ports 8000 5005 8787
    rarity 7
    fallback NULL GetRequest

section jdwp
    answers JdwpHandshake NULL
    service jdwp

rule handshake
    match ^JDWP-Handshake
    product Java Debug Wire Protocol
    example "JDWP-Handshake"
        from JDWP specification; OpenJDK 17
    near "JDWP-Handshak"

# FastCGI: FCGI_GET_VALUES.
probe FcgiValues tcp
    send "\x01\t\0\0\0\x11\0\0\x0f\0FCGI_MPXS_CONNS"
    ports 9000
    rarity 8
    fallback NULL GetRequest

section fastcgi
    answers FcgiValues
    service fastcgi

rule values
    match ^\x01\x0a\x00\x00\x00(?s:.)(?s:.)\x00(?s:.)(?s:.)FCGI_MPXS_CONNS
    extra php-fpm or another
    example "\x01\n\0\0\0\x12\x06\0\x0f\x01FCGI_MPXS_CONNS0\0\0\0\0\0\0"
        from FastCGI specification 1.0; php-fpm 8.2
    near "\x01\x0b\0\0\0\x12\x06\0\x0f\x01FCGI_MPXS_CONNS0"

# TLS (RFC 8446): ClientHello, versions 1.0 to 1.3, no server name.
probe TlsHello tcp
    send "\x16\x03\x01\0\xaa\x01\0\0\xa6\x03\x03prtip-hello-prtip-hello-prtip-he\0\0\x1c\x13\x01\x13\x02\x13\x03\xc0+\xc0/\xc0,\xc00"
        "\xc0\x13\xc0\x14\0\x9c\0\x9d\0/\05\0\n\x01\0\0a\0\n\0\x08\0\x06\0\x1d\0\x17\0\x18\0\x0b\0\x02\x01\0\0\r\0\x14\0\x12\x04\x03\x08\x04\x04\x01\x05\x03\x08\x05\x05\x01\x08\x06\x06\x01\x02\x01"
        "\0+\0\t\x08\x03\x04\x03\x03\x03\x02\x03\x01\03\0&\0$\0\x1d\0 prtip-key-share-prtip-key-share-"
    ports 261 443 465 563 636 853 989 990 992-995 3269 4433 5061 5223 6443 6697 8443 8883 9443
    rarity 1
    fallback NULL GetRequest

section tls
    answers TlsHello
    service ssl

rule server-hello
    match ^\x16\x03[\x00-\x03](?s:..)\x02\x00(?s:..)\x03[\x00-\x03]
    extra TLS
    example "\x16\x03\x03\0z\x02\0\0v\x03\x03rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
        from RFC 8446 section 4.1.3; nginx 1.22.1
    near "\x16\x03\x03\0z\x03\0\0v\x03\x03"

rule alert
    match ^\x15\x03[\x00-\x03]\x00\x02[\x01\x02][\x00-\x7f]
    extra TLS, hello refused
    example "\x15\x03\x03\0\x02\x02("
        from RFC 8446 section 6; nginx 1.22.1, unknown name
    near "\x15\x03\x03\0\x03\x02("

# HTTP/2 (RFC 9113): preface and empty SETTINGS. gRPC servers speak nothing else.
probe Http2Preface tcp
    send "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
    ports 50051 8080
    rarity 6
    fallback NULL GetRequest

section http2
    answers Http2Preface
    service http2

rule settings
    match ^\x00\x00[\x00-\x60]\x04\x00\x00\x00\x00\x00
    extra gRPC or HTTP/2 without TLS
    example "\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0d"
        from RFC 9113 section 6.5; nghttp2 1.52
    near "\0\0\x06\x05\0\0\0\0\0"

probe BittorrentHandshake tcp
    send "\x13BitTorrent protocol\0\0\0\0\0\0\0\0prtip-prtip-prtip-pr-PT0001-prti"
        "pprtip01"
    ports 6881-6889 51413
    rarity 8
    fallback NULL GetRequest

section bittorrent
    answers BittorrentHandshake
    service bittorrent

rule peer
    match ^\x13BitTorrent protocol
    extra peer
    example "\x13BitTorrent protocol\0\0\0\0\0\0\0\0"
        from BEP 3; transmission-daemon 3.00
    near "\x13BitTorrent protocox"

# BitTorrent DHT (BEP 5): ping.
probe DhtPing udp
    send "d1:ad2:id20:prtip-prtip-prtip-pre1:q4:ping1:t2:pt1:y1:qe"
    ports 6881 51413
    rarity 7

section dht
    answers udp:DhtPing
    service bittorrent-dht

rule pong
    match ^d
    match 1:t2:pt
    match 1:y1:[re]
    example "d1:rd2:id20:abcdefghijklmnopqrste1:t2:pt1:y1:re"
        from BEP 5; transmission-daemon 3.00
    near "d1:rd2:id20:abcdefghijklmnopqrste1:t2:px1:y1:re"

# Bitcoin: version.
probe BitcoinVersion tcp
    send "\xf9\xbe\xb4\xd9version\0\0\0\0\0]\0\0\0H\xa7\xd6\xa8\x7f\x11\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0prtipprt\x07/prtip/\0\0\0\0\0"
    ports 8333
    rarity 8
    fallback NULL GetRequest

section bitcoin
    answers BitcoinVersion
    service bitcoin

rule version
    match ^\xf9\xbe\xb4\xd9version\x00\x00\x00\x00\x00
    match /Satoshi:(?<version>[\d.]+)
    product Bitcoin Core
    cpe a:bitcoin:bitcoin_core:${version}
    example
        "\xf9\xbe\xb4\xd9version\0\0\0\0\0f\0\0\0abcd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10/Satoshi:25.0.0/"
        from Bitcoin Core 25.0
        is version 25.0.0
    near "\xf9\xbe\xb4\xd9versioz\0\0\0\0\0"

rule any
    soft
    match ^\xf9\xbe\xb4\xd9version\x00\x00\x00\x00\x00
    example "\xf9\xbe\xb4\xd9version\0\0\0\0\0f\0\0\0abcd"
        from Bitcoin protocol documentation
    near "\xf9\xbe\xb4\xd9versioz\0\0\0\0\0"

# DNS-SD (RFC 6763): which services.
probe MdnsServices udp
    send "\0\0\0\0\0\x01\0\0\0\0\0\0\t_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\x01"
    ports 5353
    rarity 5

section mdns
    answers udp:MdnsServices
    service mdns

rule services
    match ^\x00\x00\x84\x00(?s:.{8})
    extra DNS-SD
    example "\0\0\x84\0\0\x01\0\x01\0\0\0\0\t_services"
        from RFC 6762; avahi-daemon 0.8
    near "\0\0\x04\0\0\x01\0\x01\0\0\0\0"

# SSDP (UPnP 1.1): search for all.
probe SsdpSearch udp
    send "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:"
        "discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n"
    ports 1900
    any-port
    rarity 4

section ssdp
    answers udp:SsdpSearch
    service upnp
    require ^HTTP/1\.1 200 OK\r\n

rule miniupnpd
    match MiniUPnPd/(?<version>\d[\w.~+-]*)
    product MiniUPnPd
    cpe a:miniupnp_project:miniupnpd:${version}
    example
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: upnp:rootdevice\r\nSERVER"
        ": Debian/12 UPnP/1.1 MiniUPnPd/2.3.1\r\nLOCATION: http://192.0.2.1:5000/ro"
        "otDesc.xml\r\n\r\n"
        from miniupnpd 2.3.1
        is version 2.3.1
    near "HTTP/1.1 200 OK\r\nSERVER: Debian/12 UPnP/1.1 MiniUPnP/2\r\n\r\n"

rule libupnp
    match Portable SDK for UPnP devices/(?<version>\d[\w.~+-]*)
    product Portable SDK for UPnP devices
    cpe a:libupnp_project:libupnp:${version}
    example
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: upnp:rootdevice\r\nSERVER"
        ": Linux/4.4, UPnP/1.0, Portable SDK for UPnP devices/1.6.19\r\nLOCATION: h"
        "ttp://192.0.2.1:5000/rootDesc.xml\r\n\r\n"
        from libupnp 1.6.19
        is version 1.6.19
    near "HTTP/1.1 200 OK\r\nSERVER: Linux, UPnP/1.0, SDK for UPnP/1\r\n\r\n"

rule minidlna
    match MiniDLNA/(?<version>\d[\w.~+-]*)
    product MiniDLNA
    cpe a:readymedia_project:readymedia:${version}
    example
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: upnp:rootdevice\r\nSERVER"
        ": Debian DLNADOC/1.50 UPnP/1.0 MiniDLNA/1.3.0\r\nLOCATION: http://192.0.2."
        "1:5000/rootDesc.xml\r\n\r\n"
        from minidlna 1.3.0
        is version 1.3.0
    near "HTTP/1.1 200 OK\r\nSERVER: Debian UPnP/1.0 MiniDNA/1\r\n\r\n"

rule any-server
    header Server: (?<text>[^\r\n]{1,80})
    extra ${text}
    example "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nSERVER: Some/1.0 UPnP/1.0 Thing/2\r\n\r\n"
        from UPnP Device Architecture 1.1, section 1.3.3
        is extra Some/1.0 UPnP/1.0 Thing/2
    near "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"

# Memcached over UDP.
probe MemcachedStatsUdp udp
    send "\x137\0\0\0\x01\0\0version\r\n"
    ports 11211
    rarity 6

section memcached-udp
    answers udp:MemcachedStatsUdp
    service memcached

rule version
    match ^\x13\x37\x00\x00\x00\x01\x00\x00VERSION (?<version>[\w.-]+)
    product Memcached
    cpe a:memcached:memcached:${version}
    example "\x137\0\0\0\x01\0\0VERSION 1.5.5\r\n"
        from memcached 1.5.5 -U 11211
        is version 1.5.5
    near "\x138\0\0\0\x01\0\0VERSION 1.5.5\r\n"

# QUIC (RFC 8999): a version that nobody has.
probe QuicVersion udp
    send "\xc0\x1a*:J\x08prtipprt\x08prtipscd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 443
    rarity 4

section quic
    answers udp:QuicVersion
    service quic

rule version-negotiation
    match ^[\x80-\xff]\x00\x00\x00\x00\x08prtipscd\x08prtipprt
    example "\xea\0\0\0\0\x08prtipscd\x08prtipprt\0\0\0\x01"
        from RFC 8999 section 6
    near "\xea\0\0\0\x01\x08prtipscd\x08prtipprt"
