# FTP, RFC 959: a greeting of code 220.

section ftp
    answers NULL
    service ftp
    require ^220[ -]

rule vsftpd
    match ^220[ -]\(vsFTPd (?<version>\d[\w.]*)\)
    product vsftpd
    os Unix
    cpe a:vsftpd_project:vsftpd:${version}
    example "220 (vsFTPd 3.0.3)\r\n"
        from vsftpd 3.0.3-13+b2
        is version 3.0.3
    near "220 (vsFTP 3.0.3)\r\n"

rule proftpd-version
    match ^220[ -]ProFTPD (?<version>\d[\w.]*) Server
    product ProFTPD
    os Unix
    cpe a:proftpd:proftpd:${version}
    example "220 ProFTPD 1.3.8 Server (Debian) [::ffff:127.0.0.1]\r\n"
        from proftpd-core 1.3.8, ServerIdent on
        is version 1.3.8
    near "220 ProFTP 1.3.8 Server\r\n"

rule proftpd
    match ^220[ -]ProFTPD Server
    product ProFTPD
    os Unix
    cpe a:proftpd:proftpd
    example "220 ProFTPD Server (Debian) [::ffff:127.0.0.1]\r\n"
        from proftpd-core 1.3.8+dfsg-4+deb12u4
    near "220 ProFTP Server\r\n"

rule pure-ftpd
    match ^220-+ Welcome to Pure-FTPd
    product Pure-FTPd
    os Unix
    cpe a:pureftpd:pure-ftpd
    example
        "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n220-You a"
        "re user number 1 of 50 allowed.\r\n"
        from pure-ftpd 1.0.50-2+b1
    near "220---------- Welcome to Pure-FTP ----------\r\n"

rule filezilla
    match ^220[ -]FileZilla Server (?:version )?(?<version>\d[\w.]*)
    product FileZilla ftpd
    cpe a:filezilla-project:filezilla_server:${version}
    example "220-FileZilla Server 1.7.3\r\n220-Please visit https://filezilla-project.org/\r\n220 \r\n"
        from FileZilla Server 1.7.3
        is version 1.7.3
    near "220-FileZilla Serve 1\r\n"

rule iis
    match ^220[ -]Microsoft FTP Service
    product Microsoft ftpd
    os Windows
    cpe a:microsoft:internet_information_services
    cpe o:microsoft:windows
    example "220 Microsoft FTP Service\r\n"
        from IIS 10 FTP
    near "220 Microsoft FTP Servic\r\n"

rule serv-u
    match ^220[ -]Serv-U FTP Server v(?<version>\d[\w.]*)
    product Serv-U ftpd
    cpe a:solarwinds:serv-u:${version}
    example "220 Serv-U FTP Server v15.1 ready...\r\n"
        from Serv-U 15.1
        is version 15.1
    near "220 Serv-X FTP Server v1\r\n"

rule wu
    match ^220[ -](?<host>[\w.-]+) FTP server \(Version wu-(?<version>[\w.-]+)
    product WU-FTPD
    os Unix
    cpe a:washington_university:wu-ftpd:${version}
    example "220 ftp.example.org FTP server (Version wu-2.6.2(1) Thu Nov 26 02:45:00 UTC 2026) ready.\r\n"
        from WU-FTPD 2.6.2
        is host ftp.example.org
        is version 2.6.2
    near "220 ftp.example.org FTP server (Version wo-2\r\n"

rule gnu-inetutils
    match ^220[ -](?<host>[\w.-]+) FTP server \(GNU inetutils (?<version>[\w.]+)\) ready
    product GNU inetutils ftpd
    os Unix
    cpe a:gnu:inetutils:${version}
    example "220 ftp.example.org FTP server (GNU inetutils 2.4) ready.\r\n"
        from inetutils-ftpd 2.4
        is host ftp.example.org
        is version 2.4
    near "220 ftp.example.org FTP server (GNU inetutil 2) ready\r\n"

rule bsd
    match ^220[ -](?<host>[\w.-]+) FTP server \(Version (?<version>6\.[\w./-]+)\) ready
    product OpenBSD ftpd or Linux port
    os Unix
    example "220 ftp.example.org FTP server (Version 6.4/OpenBSD/Linux-ftpd-0.17) ready.\r\n"
        from ftpd 0.17
        is host ftp.example.org
        is version 6.4/OpenBSD/Linux-ftpd-0.17
    near "220 ftp.example.org FTP server (Version 7) read\r\n"

rule freebsd
    match ^220[ -](?<host>[\w.-]+) FTP server ready\.\r\n
    product FreeBSD ftpd or similar
    example "220 ftp.example.org FTP server ready.\r\n"
        from FreeBSD 13, ftpd -h
        is host ftp.example.org
    near "220 ftp.example.org FTP serve ready\r\n"

rule solaris
    match ^220[ -](?<host>[\w.-]+) FTP server \(SunOS (?<version>[\d.]+)\) ready
    product Sun Solaris ftpd
    os Solaris
    cpe o:sun:sunos:${version}
    example "220 ftp.example.org FTP server (SunOS 5.8) ready.\r\n"
        from Solaris 8
        is host ftp.example.org
        is version 5.8
    near "220 ftp.example.org FTP server (SunOX 5.8) ready\r\n"

rule vxworks
    match ^220[ -]VxWorks \((?<version>[\w.]+)\) FTP server
    product VxWorks ftpd
    os VxWorks
    cpe o:windriver:vxworks:${version}
    example "220 VxWorks (5.4.2) FTP server ready\r\n"
        from VxWorks 5.4.2
        is version 5.4.2
    near "220 VxWork (5) FTP server\r\n"

rule vxworks-version
    match ^220[ -]VxWorks FTP server \(VxWorks (?<version>\d[\w.]*)\)
    product VxWorks ftpd
    os VxWorks
    cpe o:windriver:vxworks:${version}
    example "220 VxWorks FTP server (VxWorks 5.5.1) ready.\r\n"
        from VxWorks 5.5.1
        is version 5.5.1
    near "220 VxWorks FTP serve (VxWorks 5)\r\n"

rule jd
    match ^220[ -]QTCP at (?<host>[\w.-]+)
    product IBM i ftpd
    os IBM i
    cpe o:ibm:i
    example "220 QTCP at as400.example.org\r\n"
        from IBM i 7.3
        is host as400.example.org
    near "220 QTPC at x\r\n"

rule zos
    match ^220[ -][\w$-]+ IBM FTP CS (?<version>V\w+) at (?<host>[\w.-]+)
    product IBM z/OS ftpd
    os z/OS
    cpe o:ibm:z%2fos
    example "220 FTPSRV1-A IBM FTP CS V2R4 at zos.example.org, 02:45:00 on 2026-11-26.\r\n"
        from z/OS 2.4
        is host zos.example.org
        is version V2R4
    near "220 FTP IBM FTP CX V2\r\n"

rule hp-jetdirect
    match ^220[ -]JD FTP Server Ready
    product HP JetDirect ftpd
    device printer
    example "220 JD FTP Server Ready.\r\n"
        from HP LaserJet 4250
    near "220 JD FTP Server Read\r\n"

rule brother
    match ^220[ -]FTP print service:V-(?<version>\d[\w.]*)
    product Brother/HP printer ftpd
    device printer
    example "220 FTP print service:V-1.13/Use the network password for the ID if updating.\r\n"
        from Brother HL-5250DN
        is version 1.13
    near "220 FTP print server:V-1\r\n"

rule ricoh
    match ^220[ -]RICOH Aficio [^(\r\n]+\((?<version>[\w.]+)\)
    product Ricoh Aficio ftpd
    device printer
    example "220 RICOH Aficio MP C2500 FTP server (6.14) ready.\r\n"
        from Ricoh Aficio MP C2500
        is version 6.14
    near "220 RICOH Afici (6)\r\n"

rule konica
    match ^220[ -]KONICA MINOLTA FTP server ready
    product Konica Minolta ftpd
    device printer
    example "220 KONICA MINOLTA FTP server ready.\r\n"
        from Konica Minolta bizhub
    near "220 KONICA FTP server ready\r\n"

rule mikrotik
    match  FTP server \(MikroTik (?<version>[\w.]+)\) ready
    product MikroTik RouterOS ftpd
    os RouterOS
    device router
    cpe o:mikrotik:routeros:${version}
    example "220 gw FTP server (MikroTik 6.49.10) ready\r\n"
        from RouterOS 6.49.10
        is version 6.49.10
    near "220 gw FTP server (MicroTik 6.49.10) ready\r\n"

rule qnap
    match ^220[ -]NASFTPD Turbo station (?<version>\d[\w.]*) Server
    product QNAP NASFTPD
    device storage
    cpe o:qnap:qts
    example "220 NASFTPD Turbo station 1.3.5a Server (ProFTPD) [192.0.2.1]\r\n"
        from QNAP QTS 4
        is version 1.3.5a
    near "220 NASFTP Turbo station 1\r\n"

rule gene6
    match ^220[ -]Gene6 FTP Server v(?<version>\d[\w.]*)
    product Gene6 ftpd
    os Windows
    cpe a:gene6:g6_ftp_server:${version}
    example "220 Gene6 FTP Server v3.10.0 (Build 2) ready...\r\n"
        from Gene6 FTP Server 3.10
        is version 3.10.0
    near "220 Gene FTP Server v3\r\n"

rule wingftp
    match ^220 Wing FTP Server
    product Wing FTP Server
    cpe a:wftpserver:wing_ftp_server
    example "220 Wing FTP Server ready...\r\n"
        from Wing FTP Server 7
    near "220 Wind FTP Server ready\r\n"

rule xlight
    match ^220[ -]Xlight FTP Server (?<version>[\d.]+) ready
    product Xlight ftpd
    os Windows
    cpe a:xlightftpd:xlight_ftp_server:${version}
    example "220 Xlight FTP Server 3.9 ready...\r\n"
        from Xlight FTP 3.9
        is version 3.9
    near "220 Xlite FTP Server ready\r\n"

rule titan
    match ^220[ -]Titan FTP Server (?<version>\d[\w.]*) Ready
    product Titan ftpd
    os Windows
    cpe a:southrivertech:titan_ftp_server:${version}
    example "220 Titan FTP Server 19.00.3500 Ready.\r\n"
        from Titan FTP Server 19
        is version 19.00.3500
    near "220 Titans FTP Server 1 Ready\r\n"

rule cerberus
    match ^220[ -](?:Welcome to )?Cerberus FTP Server
    product Cerberus ftpd
    os Windows
    cpe a:cerberusftp:ftp_server
    example "220 Welcome to Cerberus FTP Server\r\n"
        from Cerberus FTP Server 13
    near "220 Welcome to Cerebrus FTP Server\r\n"

rule slimftpd
    match ^220[ -]SlimFTPd (?<version>\d[\w.]*)
    product SlimFTPd
    os Windows
    example "220 SlimFTPd 3.181, by WhitSoft Development (www.whitsoftdev.com)\r\n"
        from SlimFTPd 3.181
        is version 3.181
    near "220 SlimFTP 3\r\n"

rule pyftpdlib
    match ^220[ -]pyftpdlib (?:based|(?<version>[\d.]+))
    product pyftpdlib
    cpe a:pyftpdlib_project:pyftpdlib:${version}
    example "220 pyftpdlib 1.5.7 ready.\r\n"
        from python3-pyftpdlib 1.5.7
        is version 1.5.7
    near "220 pyftplib 1\r\n"

rule bftpd
    match ^220[ -]bftpd (?<version>\d[\w.]*) at (?<host>[\w.:-]+) ready
    product Bftpd
    os Unix
    cpe a:bftpd:bftpd:${version}
    example "220 bftpd 6.1 at 192.0.2.1 ready.\r\n"
        from bftpd 6.1
        is host 192.0.2.1
        is version 6.1
    near "220 bftp 6 at x ready\r\n"

rule crushftp
    match ^220[ -]Welcome to CrushFTP(?:[ \d.!]*)
    product CrushFTP
    cpe a:crushftp:crushftp
    example "220 Welcome to CrushFTP!\r\n"
        from CrushFTP 10
    near "220 Welcome to CrashFTP!\r\n"

rule completeftp
    match ^220[ -](?:Welcome to )?Complete FTP server
    product CompleteFTP
    os Windows
    cpe a:enterprisedt:completeftp
    example "220 Complete FTP server\r\n"
        from CompleteFTP 22
    near "220 Completed FTP server\r\n"

rule homewizard
    match ^220[ -]Ftp firmware update utility
    product Zyxel/Allegro firmware ftpd
    device broadband router
    example "220 Ftp firmware update utility\r\n"
        from Netgear/Zyxel firmware loader
    near "220 Ftp firmware utility\r\n"

rule axis
    match ^220[ -]AXIS (?<model>\w+)\x20
    product Axis ${model} ftpd
    device webcam
    example "220 AXIS M1054 Network Camera 5.50.3.3 (2013) ready.\r\n"
        from Axis M1054
        is product Axis M1054 ftpd
    near "220 AXI M1054 \r\n"

rule dreambox
    match ^220[ -]Welcome to the OpenDreambox FTP service
    product Dreambox ftpd
    device media device
    example "220 Welcome to the OpenDreambox FTP service.\r\n"
        from OpenDreambox
    near "220 Welcome to the Dreambox FTP servic\r\n"

rule any-word
    soft
    match ^220[ -][^\r\n]*(?i:ftp)
    example "220 Some FTP thing\r\n"
        from RFC 959
    near "220 Some thing\r\n"

section ftp-busy
    answers NULL
    service ftp

rule too-many-vsftpd
    match ^421 There are too many connected users, please try later\.
    product vsftpd
    extra too many users
    cpe a:vsftpd_project:vsftpd
    example "421 There are too many connected users, please try later.\r\n"
        from vsftpd 3.0.3, max_clients reached
    near "421 There are many connected users\r\n"

rule filezilla-ban
    match ^550 No connections allowed from your IP
    product FileZilla ftpd
    extra address refused
    cpe a:filezilla-project:filezilla_server
    example "550 No connections allowed from your IP\r\n"
        from FileZilla Server 0.9
    near "550 No connections allowed\r\n"
