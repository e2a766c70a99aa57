# Mail: SMTP (RFC 5321), IMAP (RFC 9051), POP3 (RFC 1939), ManageSieve (RFC 5804), LMTP.
# The greeting says most.

# RFC 5321. What a server can do says what it is where its greeting does not.
probe Ehlo tcp
    send "EHLO prtip.invalid\r\n"
    ports 25 26 465 587 2525
    tls-ports 465
    rarity 3
    fallback NULL GetRequest

# RFC 2971: name and version, where the greeting holds neither.
probe ImapId tcp
    send "a ID NIL\r\n"
    ports 143 220
    tls-ports 993
    rarity 4
    fallback NULL GetRequest

# RFC 2449: the capability IMPLEMENTATION names the program.
probe Pop3Capa tcp
    send "CAPA\r\n"
    ports 110
    tls-ports 995
    rarity 4
    fallback NULL GetRequest

section smtp
    answers NULL Ehlo
    service smtp
    require ^220[ -]

rule postfix-debian
    match ^220[ -](?<host>[\w.-]+) ESMTP Postfix \((?<os>Debian(?:/GNU)?|Ubuntu)\)
    product Postfix smtpd
    extra ${os}
    os Linux
    cpe a:postfix:postfix
    example "220 mail.example.org ESMTP Postfix (Debian/GNU)\r\n"
        from postfix 3.7.11-0+deb12u1
        is host mail.example.org
        is os Linux
        is extra Debian/GNU
    near "220 mail.example.org ESMTP Postfixer (Debian)\r\n"

rule postfix
    match ^220[ -](?<host>[\w.-]+) ESMTP Postfix(?: \((?<version>[\d.]+)\))?
    product Postfix smtpd
    cpe a:postfix:postfix:${version}
    example "220 mail.example.org ESMTP Postfix (3.7.11)\r\n"
        from postfix, smtpd_banner with mail_version
        is host mail.example.org
        is version 3.7.11
    near "220 mail.example.org ESMTP Postfi\r\n"

rule exim
    match ^220[ -](?<host>[\w.-]+) ESMTP Exim (?<version>[\d.]+)
    product Exim smtpd
    cpe a:exim:exim:${version}
    example "220 mail.example.org ESMTP Exim 4.96 Thu, 26 Nov 2026 02:45:00 +0000\r\n"
        from exim4-daemon-light 4.96-15+deb12u7
        is host mail.example.org
        is version 4.96
    near "220 mail.example.org ESMTP Exam 4.96\r\n"

rule sendmail-debian
    match ^220[ -](?<host>[\w.-]+) ESMTP Sendmail (?<version>[\d.]+)/[\d.]+/Debian-(?<package>[\w.+~]+)
    product Sendmail
    extra Debian ${package}
    os Linux
    cpe a:sendmail:sendmail:${version}
    cpe o:debian:debian_linux
    example
        "220 mail.example.org ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian-2+deb12u2; "
        "Thu, 26 Nov 2026 02:45:00 GMT\r\n"
        from sendmail-bin 8.17.1.9-2+deb12u2
        is host mail.example.org
        is version 8.17.1.9
        is extra Debian 2+deb12u2
    near "220 mail.example.org ESMTP Sendmail 8.17.1.9/8.17.1.9/Fedora-2\r\n"

rule sendmail
    match ^220[ -](?<host>[\w.-]+) ESMTP Sendmail (?<version>[\w.]+)/
    product Sendmail
    cpe a:sendmail:sendmail:${version}
    example "220 mail.example.org ESMTP Sendmail 8.15.2/8.15.2; Thu, 26 Nov 2026 02:45:00 GMT\r\n"
        from Sendmail 8.15.2
        is host mail.example.org
        is version 8.15.2
    near "220 mail.example.org ESMTP Send-mail 8.15.2/8.15.2\r\n"

rule opensmtpd
    match ^220[ -](?<host>[\w.-]+) ESMTP OpenSMTPD
    product OpenSMTPD
    cpe a:openbsd:opensmtpd
    example "220 mail.example.org ESMTP OpenSMTPD\r\n"
        from opensmtpd 6.8.0p2-4
        is host mail.example.org
    near "220 mail.example.org ESMTP OpenSMPTD\r\n"

rule exchange-2007
    match ^220[ -](?<host>[\w.-]+) Microsoft ESMTP MAIL Service ready at\x20
    product Microsoft Exchange smtpd
    os Windows
    cpe a:microsoft:exchange_server
    cpe o:microsoft:windows
    example
        "220 EX01.example.org Microsoft ESMTP MAIL Service ready at Thu, 26 Nov 2"
        "026 02:45:00 +0000\r\n"
        from Exchange Server 2019
        is host EX01.example.org
    near "220 EX01.example.org Microsoft ESMTP MAIL Service closing\r\n"

rule iis
    match ^220[ -](?<host>[\w.-]+) Microsoft ESMTP MAIL Service, Version: (?<version>[\d.]+)
    product Microsoft IIS smtpd
    os Windows
    cpe o:microsoft:windows
    example
        "220 WEB01 Microsoft ESMTP MAIL Service, Version: 10.0.17763.1697 ready a"
        "t  Thu, 26 Nov 2026 02:45:00 +0000\r\n"
        from IIS 6 SMTP feature of Windows Server 2019
        is host WEB01
        is version 10.0.17763.1697
    near "220 WEB01 Microsoft SMTP MAIL Service, Version: 1\r\n"

rule gmail
    match ^220[ -](?<host>[\w.-]+) ESMTP (?<id>[\w.-]+) - gsmtp
    product Google gsmtp
    example "220 mx.google.com ESMTP a640c23a62f3a-b2f1234si123.45 - gsmtp\r\n"
        from gmail-smtp-in.l.google.com
        is host mx.google.com
    near "220 mx.google.com ESMTP a640c23a62f3a gsmtp\r\n"

rule qpsmtpd
    match ^220[ -](?<host>[\w.-]+) ESMTP qpsmtpd (?<version>[\w.-]+) ready
    product qpsmtpd
    example "220 mail.example.org ESMTP qpsmtpd 0.94 ready; send us your mail, but not your spam.\r\n"
        from qpsmtpd 0.94
        is host mail.example.org
        is version 0.94
    near "220 mail.example.org ESMTP qpsmpd 0.94 ready\r\n"

rule haraka
    match ^220[ -](?<host>[\w.-]+) ESMTP Haraka(?:/(?<version>[\d.]+))? ready
    product Haraka
    cpe a:haraka_project:haraka:${version}
    example "220 mail.example.org ESMTP Haraka/3.0.2 ready (1B2C3D4E)\r\n"
        from Haraka 3.0.2
        is host mail.example.org
        is version 3.0.2
    near "220 mail.example.org ESMTP Hakara/3.0.2 ready\r\n"

rule mdaemon
    match ^220[ -](?<host>[\w.-]+) ESMTP MDaemon (?<version>[\d.]+)
    product MDaemon
    os Windows
    cpe a:altn:mdaemon:${version}
    example "220 mail.example.org ESMTP MDaemon 23.5.2; Thu, 26 Nov 2026 02:45:00 +0000\r\n"
        from MDaemon 23.5
        is host mail.example.org
        is version 23.5.2
    near "220 mail.example.org ESMTP MDemon 23.5\r\n"

rule hmailserver
    match ^220[ -]hMailServer ESMTP
    product hMailServer
    os Windows
    cpe a:hmailserver:hmailserver
    example "220 hMailServer ESMTP\r\n"
        from hMailServer, welcome message
    near "220 hMailSever ESMTP\r\n"

rule zimbra
    match ^220[ -](?<host>[\w.-]+) ESMTP Zimbra
    product Zimbra smtpd
    cpe a:zimbra:collaboration
    example "220 mail.example.org ESMTP Zimbra\r\n"
        from Zimbra 9
        is host mail.example.org
    near "220 mail.example.org ESMTP Zimbar\r\n"

rule domino
    match ^220[ -](?<host>[\w.-]+) ESMTP Service \((?:Lotus|IBM|HCL) Domino Release (?<version>[\w.]+)
    product HCL Domino smtpd
    cpe a:hcltech:domino:${version}
    example
        "220 mail.example.org ESMTP Service (HCL Domino Release 12.0.2FP1) ready "
        "at Thu, 26 Nov 2026 02:45:00 +0000\r\n"
        from HCL Domino 12.0.2
        is host mail.example.org
        is version 12.0.2FP1
    near "220 mail.example.org ESMTP Service (HCL Dominos Release 12)\r\n"

rule groupwise
    match ^220[ -](?<host>[\w.-]+) GroupWise Internet Agent (?<version>[\d.]+)
    product GroupWise Internet Agent
    cpe a:microfocus:groupwise:${version}
    example "220 mail.example.org GroupWise Internet Agent 18.4.2 Copyright\r\n"
        from GroupWise 18
        is host mail.example.org
        is version 18.4.2
    near "220 mail.example.org GroupWise Agent 18\r\n"

rule kerio
    match ^220[ -](?<host>[\w.-]+) Kerio Connect (?<version>[\d.]+)
    product Kerio Connect
    cpe a:gfi:kerio_connect:${version}
    example "220 mail.example.org Kerio Connect 9.4.2 ESMTP ready\r\n"
        from Kerio Connect 9.4.2
        is host mail.example.org
        is version 9.4.2
    near "220 mail.example.org Kerio Connec 9\r\n"

rule icewarp
    match ^220[ -](?<host>[\w.-]+) ESMTP IceWarp (?<version>[\d.]+)
    product IceWarp
    cpe a:icewarp:icewarp_server:${version}
    example "220 mail.example.org ESMTP IceWarp 13.0.3.9; Thu, 26 Nov 2026 02:45:00 +0000\r\n"
        from IceWarp 13
        is host mail.example.org
        is version 13.0.3.9
    near "220 mail.example.org ESMTP IceWrap 13\r\n"

rule communigate
    match ^220[ -](?<host>[\w.-]+) ESMTP CommuniGate Pro (?<version>[\w.]+)
    product CommuniGate Pro
    cpe a:communigate:communigate_pro:${version}
    example "220 mail.example.org ESMTP CommuniGate Pro 6.3.39\r\n"
        from CommuniGate Pro 6.3
        is host mail.example.org
        is version 6.3.39
    near "220 mail.example.org ESMTP CommunityGate Pro 6\r\n"

rule barracuda
    match ^220[ -](?<host>[\w.-]+) ESMTP \([0-9a-f]{32}\)
    product Barracuda Email Security Gateway
    device security-misc
    example "220 mail.example.org ESMTP (0123456789abcdef0123456789abcdef)\r\n"
        from Barracuda Email Security Gateway
        is host mail.example.org
    near "220 mail.example.org ESMTP (0123)\r\n"

rule proofpoint
    match ^220[ -](?<host>[\w.-]+) ESMTP mfa-(?<id>[\w-]+)
    product Proofpoint
    example "220 mx0a-00000000.pphosted.com ESMTP mfa-m0000000\r\n"
        from Proofpoint Protection Server
        is host mx0a-00000000.pphosted.com
    near "220 mx0a-00000000.pphosted.com ESMTP mda-m0\r\n"

rule mailenable
    match ^220[ -](?<host>[\w.-]+) ESMTP MailEnable Service, Version: (?<version>[\d.]+)
    product MailEnable smtpd
    os Windows
    cpe a:mailenable:mailenable:${version}
    example
        "220 mail.example.org ESMTP MailEnable Service, Version: 10.42-- ready at"
        " 11/26/26 02:45:00\r\n"
        from MailEnable 10
        is host mail.example.org
        is version 10.42
    near "220 mail.example.org ESMTP MailEnabled Service, Version: 1\r\n"

rule courier
    match ^220[ -](?<host>[\w.-]+) ESMTP Courier(?: (?<version>[\d.]+))?
    product Courier smtpd
    cpe a:courier-mta:courier:${version}
    example "220 mail.example.org ESMTP Courier 1.0.16\r\n"
        from Courier MTA 1.0.16
        is host mail.example.org
        is version 1.0.16
    near "220 mail.example.org ESMTP Courix\r\n"

rule james
    match ^220[ -](?<host>[\w.-]+) E?SMTP Server \(JAMES E?SMTP Server (?<version>[\w.-]+)\)
    product Apache James smtpd
    cpe a:apache:james:${version}
    example
        "220 mail.example.org SMTP Server (JAMES SMTP Server 2.3.2) ready Thu, 26"
        " Nov 2026 02:45:00 +0000 (UTC)\r\n"
        from Apache James 2.3.2
        is host mail.example.org
        is version 2.3.2
    near "220 mail.example.org SMTP Server (JAMIE SMTP Server 2)\r\n"

rule mailhog
    match ^220[ -]mailhog\.example ESMTP MailHog
    product MailHog
    cpe a:mailhog_project:mailhog
    example "220 mailhog.example ESMTP MailHog\r\n"
        from MailHog 1.0.1
    near "220 mailhog.example ESMTP MailHug\r\n"

rule greenmail
    match ^220[ -]/?(?<host>[\w.-]+) GreenMail SMTP Service v(?<version>[\w.-]+) ready
    product GreenMail smtpd
    example "220 /172.17.0.2 GreenMail SMTP Service v2.0.0 ready\r\n"
        from GreenMail 2.0.0
        is host 172.17.0.2
        is version 2.0.0
    near "220 /172.17.0.2 GreenMail SNTP Service v2\r\n"

rule aiosmtpd
    match ^220[ -](?<host>[\w.-]+) Python SMTP (?<version>[\w.]+)
    product Python aiosmtpd
    cpe a:aio-libs_project:aiosmtpd:${version}
    example "220 mail.example.org Python SMTP 1.4.3\r\n"
        from python3-aiosmtpd 1.4.3
        is host mail.example.org
        is version 1.4.3
    near "220 mail.example.org Python SMPT 1\r\n"

rule proxmox
    match ^220[ -](?<host>[\w.-]+) ESMTP Proxmox
    product Proxmox Mail Gateway
    cpe a:proxmox:mail_gateway
    example "220 mail.example.org ESMTP Proxmox\r\n"
        from Proxmox Mail Gateway 7
        is host mail.example.org
    near "220 mail.example.org ESMTP Proximo\r\n"

rule dovecot-submission
    match ^220[ -](?<host>[\w.-]+) Dovecot ready\.
    product Dovecot submission
    cpe a:dovecot:dovecot
    example "220 mail.example.org Dovecot ready.\r\n"
        from dovecot-submissiond 2.3.19
        is host mail.example.org
    near "220 mail.example.org Dovecot read\r\n"

rule qmail
    match ^220[ -](?<host>[\w.-]+) ESMTP\r\n
    product qmail smtpd
    cpe a:netqmail:netqmail
    example "220 mail.example.org ESMTP\r\n"
        from netqmail 1.06
        is host mail.example.org
    near "220 mail.example.org ESMTP x\r\n"

rule asa-fixup
    match ^220 \*{8,}
    product Cisco ASA ESMTP inspection
    extra the server behind it is hidden
    device firewall
    example "220 ****************************************\r\n"
        from Cisco ASA, ESMTP inspection
    near "220 ******* hello\r\n"

rule any
    soft
    match ^220[ -](?<host>[\w.-]+)[ ,]
    match ^220[ -][^\r\n]*SMTP
    example "220 mail.example.org ESMTP ready\r\n"
        from RFC 5321
        is host mail.example.org
    near "220 mail.example.org FTP ready\r\n"

section lmtp
    answers NULL
    service lmtp

rule any
    soft
    match ^220[ -](?<host>[\w.-]+)[ ,]
    match ^220[ -][^\r\n]*LMTP
    example "220 mail.example.org LMTP Cyrus 3.6.1 server ready\r\n"
        from RFC 2033; cyrus-imapd
        is host mail.example.org
    near "220 mail.example.org SMTP\r\n"

section imap
    answers NULL ImapId
    service imap

rule dovecot-debian
    match ^\* (?:OK|PREAUTH) (?:\[CAPABILITY [^\]\r\n]*\] )?Dovecot \((?<distribution>Debian|Ubuntu)\) ready
    product Dovecot imapd
    extra ${distribution}
    os Linux
    cpe a:dovecot:dovecot
    example
        "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERA"
        "L+ STARTTLS AUTH=PLAIN] Dovecot (Debian) ready.\r\n"
        from dovecot-imapd 1:2.3.19.1+dfsg1-2.1+deb12u1
        is extra Debian
    near "* OK Dovecot (Debain) ready.\r\n"

rule dovecot
    match ^\* (?:OK|PREAUTH) (?:\[CAPABILITY [^\]\r\n]*\] )?Dovecot ready
    product Dovecot imapd
    cpe a:dovecot:dovecot
    example "* OK [CAPABILITY IMAP4rev1 ID ENABLE IDLE STARTTLS] Dovecot ready.\r\n"
        from Dovecot 2.3
    near "* OK Dovecote ready.\r\n"

rule cyrus
    match ^\* (?:OK|PREAUTH) (?:\[CAPABILITY [^\]\r\n]*\] )?(?<host>[\w.-]+) Cyrus IMAP (?<version>[\d.]+)(?:-Debian-(?<package>[\w.+~-]+))?
    product Cyrus imapd
    extra Debian ${package}
    cpe a:cyrusimap:cyrus_imap:${version}
    example
        "* OK [CAPABILITY IMAP4rev1 LITERAL+ ID ENABLE STARTTLS] mail.example.org"
        " Cyrus IMAP 3.6.1-Debian-3.6.1-4+deb12u3 server ready\r\n"
        from cyrus-imapd 3.6.1-4+deb12u3
        is host mail.example.org
        is version 3.6.1
        is extra Debian 3.6.1-4+deb12u3
    near "* OK mail.example.org Cyrus IMAPP 3\r\n"

rule courier
    match ^\* (?:OK|PREAUTH) (?:\[CAPABILITY [^\]\r\n]*\] )?Courier-IMAP ready\.
    product Courier imapd
    cpe a:courier-mta:courier-imap
    example
        "* OK [CAPABILITY IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE ACL] Courier-"
        "IMAP ready. Copyright 1998-2022 Double Precision, Inc.  See COPYING for "
        "distribution information.\r\n"
        from courier-imap 5.1.8
    near "* OK Courier-IMAPD ready.\r\n"

rule exchange
    match ^\* (?:OK|PREAUTH) The Microsoft Exchange IMAP4 service is ready\.
    product Microsoft Exchange imapd
    os Windows
    cpe a:microsoft:exchange_server
    cpe o:microsoft:windows
    example "* OK The Microsoft Exchange IMAP4 service is ready.\r\n"
        from Exchange Server 2019
    near "* OK The Microsoft Exchange IMAP service is ready.\r\n"

rule gmail
    match ^\* (?:OK|PREAUTH) Gimap ready for requests from\x20
    product Google Gimap
    example "* OK Gimap ready for requests from 198.51.100.7 a640c23a62f3amb123\r\n"
        from imap.gmail.com
    near "* OK Gimap read\r\n"

rule zimbra
    match ^\* (?:OK|PREAUTH) (?<host>[\w.-]+) Zimbra IMAP4rev1 server ready
    product Zimbra imapd
    cpe a:zimbra:collaboration
    example "* OK mail.example.org Zimbra IMAP4rev1 server ready\r\n"
        from Zimbra 8
        is host mail.example.org
    near "* OK mail.example.org Zimbar IMAP4rev1 server ready\r\n"

rule mdaemon
    match ^\* (?:OK|PREAUTH) (?<host>[\w.-]+) IMAP4rev1 MDaemon (?<version>[\d.]+) ready
    product MDaemon imapd
    os Windows
    cpe a:altn:mdaemon:${version}
    example "* OK mail.example.org IMAP4rev1 MDaemon 23.5.2 ready\r\n"
        from MDaemon 23.5
        is host mail.example.org
        is version 23.5.2
    near "* OK mail.example.org IMAP4 MDaemon 2\r\n"

rule hmailserver
    match ^\* (?:OK|PREAUTH) IMAPrev1\r\n
    product hMailServer imapd
    os Windows
    cpe a:hmailserver:hmailserver
    example "* OK IMAPrev1\r\n"
        from hMailServer 5.6
    near "* OK IMAPrev2\r\n"

rule domino
    match ^\* (?:OK|PREAUTH) Domino IMAP4 Server (?:Release|V)\s*(?<version>[\w.]+)
    product HCL Domino imapd
    cpe a:hcltech:domino:${version}
    example "* OK Domino IMAP4 Server Release 12.0.2 ready Thu, 26 Nov 2026 02:45:00 +0000\r\n"
        from HCL Domino 12
        is version 12.0.2
    near "* OK Domino IMAP Server Release 1\r\n"

rule icewarp
    match ^\* (?:OK|PREAUTH) (?<host>[\w.-]+) IceWarp (?<version>[\d.]+) IMAP4rev1
    product IceWarp imapd
    cpe a:icewarp:icewarp_server:${version}
    example "* OK mail.example.org IceWarp 13.0.3.9 IMAP4rev1 Thu, 26 Nov 2026 02:45:00 +0000\r\n"
        from IceWarp 13
        is host mail.example.org
        is version 13.0.3.9
    near "* OK mail.example.org IceWrap 13\r\n"

rule mailenable
    match ^\* (?:OK|PREAUTH) (?:\[CAPABILITY [^\]\r\n]*\] )?IMAP4rev1 server ready at\x20
    product MailEnable imapd
    os Windows
    cpe a:mailenable:mailenable
    example "* OK IMAP4rev1 server ready at 11/26/26 02:45:00\r\n"
        from MailEnable 10
    near "* OK IMAP4rev1 server read\r\n"

rule uw
    match ^\* (?:OK|PREAUTH) (?:\[CAPABILITY [^\]\r\n]*\] )?(?<host>[\w.-]+) IMAP4rev1 (?<version>20[\w.]+) at\x20
    product UW imapd
    cpe a:university_of_washington:uw-imap:${version}
    example
        "* OK [CAPABILITY IMAP4REV1 LITERAL+ STARTTLS] mail.example.org IMAP4rev1"
        " 2007e.404 at Thu, 26 Nov 2026 02:45:00 +0000\r\n"
        from uw-imapd 2007e
        is host mail.example.org
        is version 2007e.404
    near "* OK mail.example.org IMAP4rev1 1997 at x\r\n"

rule greenmail
    match ^\* (?:OK|PREAUTH) IMAP4rev1 Server GreenMail v(?<version>[\w.-]+) ready
    product GreenMail imapd
    example "* OK IMAP4rev1 Server GreenMail v2.0.0 ready\r\n"
        from GreenMail 2.0.0
        is version 2.0.0
    near "* OK IMAP4rev1 Server GreenMial\r\n"

rule james
    match ^\* (?:OK|PREAUTH) JAMES IMAP4rev1 Server\x20
    product Apache James imapd
    cpe a:apache:james
    example "* OK JAMES IMAP4rev1 Server  Server 0123 is ready.\r\n"
        from Apache James 3
    near "* OK JAMES IMAP4 Server\r\n"

rule any
    soft
    match ^\* (?:OK|PREAUTH|BYE)[ \r]
    example "* OK IMAP4rev1 ready\r\n"
        from RFC 9051
    near "* NO nothing\r\n"

section imap-id
    answers ImapId
    service imap

rule any
    match \r\n\* ID \("name" "(?<product>[^"\r\n]+)" "version" "(?<version>[^"\r\n]+)"
    example
        "* OK ready\r\n* ID (\"name\" \"Cyrus IMAPD\" \"version\" \"3.6.1\" \"vendor\" \"Proje"
        "ct Cyrus\")\r\na OK Completed\r\n"
        from RFC 2971
        is product Cyrus IMAPD
        is version 3.6.1
    near "* OK ready\r\n* ID NIL\r\na OK ID completed.\r\n"

section pop3
    answers NULL Pop3Capa
    service pop3

rule dovecot-debian
    match ^\+OK Dovecot \((?<distribution>Debian|Ubuntu)\) ready
    product Dovecot pop3d
    extra ${distribution}
    os Linux
    cpe a:dovecot:dovecot
    example "+OK Dovecot (Debian) ready.\r\n"
        from dovecot-pop3d 1:2.3.19.1+dfsg1-2.1+deb12u1
        is extra Debian
    near "+OK Dovecot (Debain) ready.\r\n"

rule dovecot
    match ^\+OK Dovecot ready
    product Dovecot pop3d
    cpe a:dovecot:dovecot
    example "+OK Dovecot ready. <1a.2.6745.abc@mail>\r\n"
        from Dovecot 2.3
    near "+OK Dovecote\r\n"

rule cyrus
    match ^\+OK (?:<[^>\r\n]+> )?(?<host>[\w.-]+) Cyrus POP3 (?<version>[\d.]+)
    product Cyrus pop3d
    cpe a:cyrusimap:cyrus_imap:${version}
    example
        "+OK <123@mail.example.org> mail.example.org Cyrus POP3 3.6.1-Debian-3.6."
        "1-4+deb12u3 server ready\r\n"
        from cyrus-pop3d 3.6.1
        is host mail.example.org
        is version 3.6.1
    near "+OK mail.example.org Cyrus POP 3.6.1\r\n"

rule courier
    match ^\+OK Hello there\.
    product Courier pop3d
    cpe a:courier-mta:courier-imap
    example "+OK Hello there. <1234.1701000000@localhost>\r\n"
        from courier-pop 1.1.18
    near "+OK Hello ther\r\n"

rule exchange
    match ^\+OK The Microsoft Exchange POP3 service is ready\.
    product Microsoft Exchange pop3d
    os Windows
    cpe a:microsoft:exchange_server
    cpe o:microsoft:windows
    example "+OK The Microsoft Exchange POP3 service is ready.\r\n"
        from Exchange Server 2019
    near "+OK The Microsoft Exchange POP service is ready.\r\n"

rule gmail
    match ^\+OK Gpop ready for requests from\x20
    product Google Gpop
    example "+OK Gpop ready for requests from 198.51.100.7 a640c23a62f3amb123\r\n"
        from pop.gmail.com
    near "+OK Gpop read\r\n"

rule mdaemon
    match ^\+OK (?<host>[\w.-]+) POP MDaemon (?<version>[\d.]+) ready
    product MDaemon pop3d
    os Windows
    cpe a:altn:mdaemon:${version}
    example "+OK mail.example.org POP MDaemon 23.5.2 ready <MDAEMON-F202611260245.AA>\r\n"
        from MDaemon 23.5
        is host mail.example.org
        is version 23.5.2
    near "+OK mail.example.org POP MDemon 2 ready\r\n"

rule zimbra
    match ^\+OK (?<host>[\w.-]+) Zimbra POP3 server ready
    product Zimbra pop3d
    cpe a:zimbra:collaboration
    example "+OK mail.example.org Zimbra POP3 server ready\r\n"
        from Zimbra 8
        is host mail.example.org
    near "+OK mail.example.org Zimbar POP3 server ready\r\n"

rule hmailserver
    match ^\+OK POP3\r\n
    product hMailServer pop3d
    os Windows
    cpe a:hmailserver:hmailserver
    example "+OK POP3\r\n"
        from hMailServer 5.6
    near "+OK POP4\r\n"

rule mailenable
    match ^\+OK Welcome to MailEnable POP3 Server
    product MailEnable pop3d
    os Windows
    cpe a:mailenable:mailenable
    example "+OK Welcome to MailEnable POP3 Server\r\n"
        from MailEnable 10
    near "+OK Welcome to MailEnabled POP3 Server\r\n"

rule icewarp
    match ^\+OK (?<host>[\w.-]+) IceWarp (?<version>[\d.]+) POP3
    product IceWarp pop3d
    cpe a:icewarp:icewarp_server:${version}
    example "+OK mail.example.org IceWarp 13.0.3.9 POP3 Thu, 26 Nov 2026 02:45:00 +0000 <x@y>\r\n"
        from IceWarp 13
        is host mail.example.org
        is version 13.0.3.9
    near "+OK mail.example.org IceWrap 13 POP3\r\n"

rule qpopper
    match ^\+OK Qpopper \(version (?<version>[\w.]+)\) at (?<host>[\w.-]+)
    product Qpopper
    cpe a:qualcomm:qpopper:${version}
    example "+OK Qpopper (version 4.1.0) at mail.example.org starting.\r\n"
        from Qpopper 4.1.0
        is host mail.example.org
        is version 4.1.0
    near "+OK Qpoper (version 4.1.0) at x\r\n"

rule greenmail
    match ^\+OK POP3 GreenMail Server v(?<version>[\w.-]+) ready
    product GreenMail pop3d
    example "+OK POP3 GreenMail Server v2.0.0 ready\r\n"
        from GreenMail 2.0.0
        is version 2.0.0
    near "+OK POP GreenMail Server v2\r\n"

rule any
    soft
    match ^\+OK[ \r]
    example "+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n"
        from RFC 1939
    near "+OKAY\r\n"

section pop3-capa
    answers Pop3Capa
    service pop3

rule implementation
    match \r\nIMPLEMENTATION (?<product>[^\r\n]+)
    example
        "+OK ready\r\n+OK Capability list follows\r\nTOP\r\nUIDL\r\nIMPLEMENTATION Cyrus "
        "POP3 server v3\r\n.\r\n"
        from RFC 2449
        is product Cyrus POP3 server v3
    near "+OK ready\r\n+OK\r\nTOP\r\nUIDL\r\n.\r\n"

section sieve
    answers NULL
    service sieve

rule dovecot
    match ^"IMPLEMENTATION" "Dovecot \((?<distribution>\w+)\) Pigeonhole"
    product Dovecot Pigeonhole
    extra ${distribution}
    cpe a:dovecot:pigeonhole
    example
        "\"IMPLEMENTATION\" \"Dovecot (Debian) Pigeonhole\"\r\n\"SIEVE\" \"fileinto reject"
        " envelope\"\r\nOK \"Dovecot ready.\"\r\n"
        from dovecot-managesieved 2.3.19
        is extra Debian
    near "\"IMPLEMENTATION\" \"Dovecot Pidgeonhole\"\r\n"

rule cyrus
    match ^"IMPLEMENTATION" "Cyrus timsieved (?<version>[\d.]+)
    product Cyrus timsieved
    cpe a:cyrusimap:cyrus_imap:${version}
    example "\"IMPLEMENTATION\" \"Cyrus timsieved 3.6.1-Debian-3.6.1-4+deb12u4\"\r\n\"SASL\" \"PLAIN\"\r\n"
        from cyrus-imapd 3.6.1
        is version 3.6.1
    near "\"IMPLEMENTATION\" \"Cyrus timesieved 3\"\r\n"

rule any
    soft
    match ^"IMPLEMENTATION" "
    example "\"IMPLEMENTATION\" \"Example1 ManageSieved v001\"\r\n\"SIEVE\" \"fileinto vacation\"\r\nOK\r\n"
        from RFC 5804
    near "\"IMPLEMENTED\" \"x\"\r\n"
