# Remote desktops and shells, Windows services, proxies, VPNs.

# RDP: X.224 connection request, TLS and CredSSP offered (MS-RDPBCGR 2.2.1.1).
probe RdpConnect tcp
    send "\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0"
    ports 3389
    rarity 3
    fallback NULL GetRequest

section rdp
    answers RdpConnect
    service ms-wbt-server

rule xrdp-tls
    match ^\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x01\x08\x00\x01\x00\x00\x00
    product xrdp
    cpe a:neutrinolabs:xrdp
    example "\x03\0\0\x13\x0e\xd0\0\0\x124\0\x02\x01\x08\0\x01\0\0\0"
        from xrdp 0.9.21.1-1+deb12u1
    near "\x03\0\0\x13\x0e\xd0\0\0\x124\0\x02\x1f\x08\0\x02\0\0\0"

rule negotiated
    match ^\x03\x00\x00\x13\x0e\xd0\x00\x00(?s:..)\x00\x02[\x00-\xff]\x08\x00[\x00-\x0f]\x00\x00\x00
    unless ^\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x09
    product Microsoft Terminal Services
    os Windows
    cpe o:microsoft:windows
    example "\x03\0\0\x13\x0e\xd0\0\0\x124\0\x02\0\x08\0\x02\0\0\0"
        from MS-RDPBCGR 2.2.1.2.1; Windows Server 2019
    near "\x03\0\0\x13\x0e\xd0\0\0\x124\0\x04\0\x08\0\x02\0\0\0"

rule refused
    match ^\x03\x00\x00\x13\x0e\xd0\x00\x00(?s:..)\x00\x03\x00\x08\x00[\x01-\x06]\x00\x00\x00
    extra protocol refused
    example "\x03\0\0\x13\x0e\xd0\0\0\x124\0\x03\0\x08\0\x02\0\0\0"
        from MS-RDPBCGR 2.2.1.2.2
    near "\x03\0\0\x13\x0e\xd0\0\0\x124\0\x03\0\x08\0\t\0\0\0"

rule xrdp
    match ^\x03\x00\x00\x0b\x06\xd0\x00\x00\x12\x34\x00
    product xrdp
    cpe a:neutrinolabs:xrdp
    example "\x03\0\0\x0b\x06\xd0\0\0\x124\0"
        from xrdp 0.9
    near "\x03\0\0\x0b\x06\xd1\0\0\x124\0"

section vnc
    answers NULL
    service vnc

rule rfb-3.889
    match ^RFB 003\.889\n
    product Apple Remote Desktop
    extra protocol 3.889
    os macOS
    cpe o:apple:macos
    example "RFB 003.889\n"
        from macOS 12
    near "RFB 003.888\n"

rule rfb-4
    match ^RFB 004\.001\n
    product RealVNC Enterprise
    extra protocol 4.1
    cpe a:realvnc:realvnc
    example "RFB 004.001\n"
        from RealVNC 5
    near "RFB 004.002\n"

rule rfb-5
    match ^RFB 005\.000\n
    product RealVNC Connect
    extra protocol 5.0
    cpe a:realvnc:realvnc
    example "RFB 005.000\n"
        from RealVNC 6
    near "RFB 005.001\n"

rule rfb-3.8
    match ^RFB 003\.008\n
    extra protocol 3.8
    example "RFB 003.008\n"
        from tigervnc-standalone-server 1.12.0, x11vnc 0.9.16; RFC 6143
    near "RFB 003.018\n"

rule rfb-3.7
    match ^RFB 003\.007\n
    extra protocol 3.7
    example "RFB 003.007\n"
        from RFC 6143
    near "RFB 003.017\n"

rule rfb-3.3
    match ^RFB 003\.003\n
    extra protocol 3.3
    example "RFB 003.003\n"
        from RFC 6143
    near "RFB 003.013\n"

rule any
    soft
    match ^RFB \d\d\d\.\d\d\d\n
    example "RFB 003.006\n"
        from RFC 6143
    near "RFB 3.6\n"

section telnet
    answers NULL
    service telnet

rule inetutils
    match ^\xff\xfb\x25\xff\xfb\x26\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff\xfd\x27\xff\xfd\x24
    product GNU inetutils telnetd
    cpe a:gnu:inetutils
    example "\xff\xfb%\xff\xfb&\xff\xfd\x18\xff\xfd \xff\xfd#\xff\xfd'\xff\xfd$"
        from inetutils-telnetd 2:2.4-2+deb12u2
    near "\xff\xfb%\xff\xfb&\xff\xfd\x18\xff\xfd\x1f"

rule netkit
    match ^\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff\xfd\x27\z
    product Linux telnetd
    os Linux
    example "\xff\xfd\x18\xff\xfd \xff\xfd#\xff\xfd'"
        from netkit telnetd 0.17
    near "\xff\xfd\x18\xff\xfd \xff\xfd#"

rule debian
    match ^\xff[\xfb-\xfe]
    match Debian GNU/Linux (?<release>[\w/.]+)\r\n
    product Linux telnetd
    extra Debian GNU/Linux ${release}
    os Linux
    cpe o:debian:debian_linux
    example "\xff\xfd\x18\xff\xfd \xff\xfd#\xff\xfd'Debian GNU/Linux 12\r\nhost login: "
        from inetutils-telnetd 2.4, Debian 12
        is extra Debian GNU/Linux 12
    near "\xff\xfdDebian GNU/Linus 12\r\n"

rule ubuntu
    match ^\xff[\xfb-\xfe]
    match Ubuntu (?<release>[\d.]+)
    product Linux telnetd
    extra Ubuntu ${release}
    os Linux
    cpe o:canonical:ubuntu_linux
    example "\xff\xfd\x18Ubuntu 22.04.3 LTS\r\nhost login: "
        from telnetd 0.17, Ubuntu 22.04
        is extra Ubuntu 22.04.3
    near "\xff\xfd\x18Ubunto 22.04\r\n"

rule busybox
    match ^\xff[\xfb-\xfe]
    match BusyBox v(?<version>[\w.]+)
    product BusyBox telnetd
    os Linux
    cpe a:busybox:busybox:${version}
    example "\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03\r\nBusyBox v1.30.1 built-in shell (ash)\r\n"
        from BusyBox 1.30.1 telnetd -l /bin/sh
        is version 1.30.1
    near "\xff\xfd\x01BusyBo v1"

rule mikrotik
    match ^\xff[\xfb-\xfe]
    match MikroTik v(?<version>[\d.]+)
    product MikroTik RouterOS telnetd
    os RouterOS
    device router
    cpe o:mikrotik:routeros:${version}
    example "\xff\xfb\x01\r\nMikroTik v6.49.10 (stable)\r\nLogin: "
        from RouterOS 6.49.10
        is version 6.49.10
    near "\xff\xfb\x01MicroTik v6"

rule cisco
    match ^\xff[\xfb-\xfe]
    match User Access Verification\r\n
    product Cisco router telnetd
    os IOS
    device router
    cpe o:cisco:ios
    example "\xff\xfb\x01\xff\xfb\x03\xff\xfd\x18\xff\xfd\x1f\r\n\r\nUser Access Verification\r\n\r\nUsername: "
        from Cisco IOS 15
    near "\xff\xfb\x01User Verification\r\n"

rule microsoft
    match ^\xff[\xfb-\xfe]
    match Welcome to Microsoft Telnet Service
    product Microsoft Windows telnetd
    os Windows
    cpe o:microsoft:windows
    example "\xff\xfd%\xff\xfb\x01\xff\xfb\x03Welcome to Microsoft Telnet Service \r\n"
        from Windows Server 2008
    near "\xff\xfd%Welcome to Telnet Service"

rule huawei
    match ^\xff[\xfb-\xfe]
    match Warning: Telnet is not a secure protocol
    product Huawei VRP telnetd
    os VRP
    device router
    cpe o:huawei:vrp
    example "\xff\xfb\x03\xff\xfb\x01\r\nWarning: Telnet is not a secure protocol, and it is recommended to use Stelnet.\r\n"
        from Huawei VRP 5
    near "\xff\xfb\x03Warning: Telnet"

rule openwrt
    match ^\xff[\xfb-\xfe]
    match O P E N W R T|OpenWrt
    product OpenWrt telnetd
    os Linux
    device router
    cpe o:openwrt:openwrt
    example "\xff\xfd\x01\r\n OpenWrt 10.03\r\n"
        from OpenWrt 10.03
    near "\xff\xfd\x01OpenWart"

rule hikvision
    match ^\xff[\xfb-\xfe]
    match dvrdvs login:\x20
    product Hikvision DVR telnetd
    device webcam
    example "\xff\xfd\x01dvrdvs login: "
        from Hikvision DVR
    near "\xff\xfd\x01dvr login: "

rule any
    soft
    match ^\xff[\xfb-\xfe][\x00-\x31]
    example "\xff\xfd\x18\xff\xfb\x01"
        from RFC 854; inetutils-telnetd 2.4
    near "\xff\xf0\x18"

# X11: connection set-up, no authorisation.
probe X11Open tcp
    send "l\0\x0b\0\0\0\0\0\0\0\0\0"
    ports 6000-6010
    rarity 5
    fallback NULL GetRequest

section x11
    answers X11Open
    service X11

rule xorg
    match ^\x01\x00\x0b\x00(?s:.{36})The X\.Org Foundation
    product X.Org
    extra open
    cpe a:x.org:x_server
    example "\x01\0\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0The X.Org Foundation"
        from xvfb 2:21.1.7-3+deb12u10
    near "\x01\0\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0The X.Orb"

rule denied
    match ^\x00(?s:.)\x0b\x00\x00\x00(?s:..)(?:No protocol specified|Authorization required|Client is not authorized|Invalid MIT-MAGIC)
    extra access denied
    example "\0\x16\x0b\0\0\0\x06\0No protocol specified\n\0\0"
        from X.Org 21.1, access refused
    near "\0\x16\x0b\0\0\0\x06\0No protocol\n"

rule open
    match ^\x01\x00\x0b\x00\x00\x00
    extra open
    example "\x01\0\x0b\0\0\0\0\0"
        from X11 protocol, encoding of connection set-up
    near "\x02\0\x0b\0\0\0"

# SMB 2 (MS-SMB2 2.2.3): NEGOTIATE, dialects 2.0.2 to 3.0.2.
probe SmbNegotiate tcp
    send "\0\0\0l\xfeSMB@\0\0\0\0\0\0\0\0\0\x1f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0$\0\x04\0\x01\0\0\0\0\0\0\0prtip-probe-1234\0\0\0\0\0\0\0\0\x02\x02\x10\x02\0\x03\x02\x03"
    ports 445
    rarity 2
    fallback NULL GetRequest

# NetBIOS session (RFC 1002, 4.3.2): from PRTIP to *SMBSERVER, and in it a NEGOTIATE of SMB 1
# (MS-CIFS 2.2.4.52) that offers SMB 2.
probe NetbiosSession tcp
    send "\x81\0\0D CKFDENECFDEFFCFGEFFCCACACACACACA\0 FAFCFEEJFACACACACACACACACACACAAA\0"
        "\0\0\0E\xffSMBr\0\0\0\0\x18\x01H\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xfe\xff\0\0\0\0\0"
        "\"\0\x02NT LM 0.12\0\x02SMB 2.002\0\x02SMB 2.???\0"
    ports 139
    rarity 8

section netbios-session
    answers NetbiosSession
    service netbios-ssn

rule samba
    match ^\x82\x00\x00\x00\x00\x00[\x00-\xff]{2}\xfeSMB\x40\x00
    match \x60\x48\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x3e\x30\x3c\xa0\x0e\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a\xa3\x2a
    product Samba smbd
    cpe a:samba:samba
    example
        "\x82\0\0\0\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x02\x03\0\0vm\0\0\0\0\0\0\0\0\0\0\0\0\0\0`H\x06\x06+\x06\x01\x05\x05\x02\xa0>0<\xa0\x0e0\x0c\x06\n+\x06\x01\x04\x01\x827\x02\x02\n\xa3*"
        from samba 2:4.17.12+dfsg-0+deb12u3, standalone
    near "\x83\0\0\x01\x82"

# 82 positive, 83 negative with a reason, 84 retarget.
rule answer
    soft
    match ^(?:\x82\x00\x00\x00|\x83\x00\x00\x01[\x80-\x83\x8f]|\x84\x00\x00\x06)
    example "\x83\0\0\x01\x82"
        from RFC 1002; Windows
    near "\x83\0\0\x02\x82"

section smb
    answers SmbNegotiate
    service microsoft-ds

rule samba
    match ^\x00\x00[\x00-\xff]{2}\xfeSMB\x40\x00
    match \x60\x48\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x3e\x30\x3c\xa0\x0e\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a\xa3\x2a
    product Samba smbd
    cpe a:samba:samba
    example
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x02\x03\0\0vm\0\0\0\0\0\0\0\0\0\0\0\0\0\0`H\x06\x06+\x06\x01\x05\x05\x02\xa0>0<\xa0\x0e0\x0c\x06\n+\x06\x01\x04\x01\x827\x02\x02\n\xa3*"
        from samba 2:4.17.12+dfsg-0+deb12u3, standalone
    near
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x02\x03\0\0gggggggggggggggg`H\x06\x06+\x06\x01\x05\x05\x02\xa0>0<\xa0\x0e0\x0c\x06\n+\x06\x01\x04\x01\x827\x02\x02\n"

rule windows
    match ^\x00\x00[\x00-\xff]{2}\xfeSMB\x40\x00
    match \xa0(?s:.)\x30(?s:.)\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02
    product Microsoft Windows SMB
    os Windows
    cpe o:microsoft:windows
    example
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x02\x03\0\0gggggggggggggggg\xa0<0:\x06\n+\x06\x01\x04\x01\x827\x02\x02\x1e\x06\t*\x86H\x82\xf7\x12\x01\x02\x02"
        from MS-NEGOEX 1.9; Windows Server 2019
    near
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x02\x03\0\0gggggggggggggggg\xa0<0:\x06\n+\x06\x01\x04\x01\x827\x02\x02\x1f"

rule smb-302
    match ^\x00\x00[\x00-\xff]{2}\xfeSMB\x40\x00(?s:..)\x00\x00\x00\x00(?s:.{52})\x41\x00[\x01-\x03]\x00\x02\x03
    extra SMB 3.0.2
    example
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x02\x03\0\0gggggggggggggggg"
        from MS-SMB2 2.2.4; samba 4.17.12
    near
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x11\x03\0\0gggggggggggggggg"

rule smb-300
    match ^\x00\x00[\x00-\xff]{2}\xfeSMB\x40\x00(?s:..)\x00\x00\x00\x00(?s:.{52})\x41\x00[\x01-\x03]\x00\x00\x03
    extra SMB 3.0
    example
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\0\x03\0\0gggggggggggggggg"
        from MS-SMB2 2.2.4; Windows
    near
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x11\x03\0\0gggggggggggggggg"

rule smb-210
    match ^\x00\x00[\x00-\xff]{2}\xfeSMB\x40\x00(?s:..)\x00\x00\x00\x00(?s:.{52})\x41\x00[\x01-\x03]\x00\x10\x02
    extra SMB 2.1
    example
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x10\x02\0\0gggggggggggggggg"
        from MS-SMB2 2.2.4; Windows
    near
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x11\x03\0\0gggggggggggggggg"

rule smb-202
    match ^\x00\x00[\x00-\xff]{2}\xfeSMB\x40\x00(?s:..)\x00\x00\x00\x00(?s:.{52})\x41\x00[\x01-\x03]\x00\x02\x02
    extra SMB 2.0.2
    example
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x02\x02\0\0gggggggggggggggg"
        from MS-SMB2 2.2.4; Windows
    near
        "\0\0\0X\xfeSMB@\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\x11\x03\0\0gggggggggggggggg"

rule other
    match ^\x00\x00[\x00-\xff]{2}\xfeSMB\x40\x00
    extra SMB 2
    example
        "\0\0\0X\xfeSMB@\0\0\0\xbb\0\0\xc0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A\0\x01\0"
        "\xff\x02\0\0gggggggggggggggg"
        from MS-SMB2 2.2.1
    near "\0\0\0@\xfdSMB@\0"

rule smb1
    match ^\x00\x00[\x00-\xff]{2}\xffSMB
    extra SMB 1
    example "\0\0\0)\xffSMBr\0\0\0\0\x88"
        from MS-CIFS 2.2.3
    near "\0\0\0)\xfcSMBr"

rule netbios-refused
    service netbios-ssn
    match ^\x83\x00\x00\x01[\x80-\x8f]
    extra session refused
    example "\x83\0\0\x01\x8f"
        from RFC 1002 section 4.3.4
    near "\x83\0\0\x02\x8f"

# DCE/RPC: bind to the endpoint mapper (C706).
probe MsrpcBind tcp
    send "\x05\0\x0b\x03\x10\0\0\0H\0\0\0\x01\0\0\0\xb8\x10\xb8\x10\0\0\0\0\x01\0\0\0\0\0\x01\0\x08\x83\xaf\xe1\x1f]\xc9\x11\x91\xa4\x08\0+\x14\xa0\xfa\x03\0\0\0\x04]\x88\x8a\xeb\x1c\xc9\x11"
        "\x9f\xe8\x08\0+\x10H`\x02\0\0\0"
    ports 135
    rarity 4
    fallback NULL GetRequest

section msrpc
    answers MsrpcBind
    service msrpc

rule bind-ack
    match ^\x05\x00\x0c\x03\x10\x00\x00\x00
    product Microsoft Windows RPC
    os Windows
    cpe o:microsoft:windows
    example "\x05\0\x0c\x03\x10\0\0\0<\0\0\0\x01\0\0\0\xb8\x10\xb8\x10"
        from C706 chapter 12; Windows Server 2019
    near "\x05\0\x0e\x03\x10\0\0\0<\0\0\0"

rule nak
    match ^\x05\x00[\x0d\x03]\x03\x10\x00\x00\x00
    extra bind refused
    example "\x05\0\r\x03\x10\0\0\0\x15\0\0\0"
        from C706 chapter 12
    near "\x05\0\x0f\x03\x10\0\0\0\x15\0\0\0"

# NetBIOS (RFC 1002): node status.
probe NetbiosStatus udp
    send "\x137\0\0\0\x01\0\0\0\0\0\0 CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0!\0\x01"
    ports 137
    rarity 3

section netbios
    answers udp:NetbiosStatus
    service netbios-ns

rule status
    match ^\x13\x37\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x20CKA{30}\x00\x00\x21\x00\x01(?s:.{7})(?<host>[\w-]+)
    example "\x137\x84\0\0\0\0\x01\0\0\0\0 CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0!\0\x01\0\0\0\0\0S\x02WEB01          \0\x04\0"
        from samba 4.17.12 nmbd; RFC 1002
        is host WEB01
    near "\x137\x85\0\0\0\0\x01\0\0\0\0 CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

# SOCKS 5 (RFC 1928): two methods.
probe Socks5 tcp
    send "\x05\x02\0\x02"
    ports 1080 9050 1081
    rarity 5
    fallback NULL GetRequest

section socks
    answers Socks5
    service socks5

rule none
    match ^\x05\x00\z
    extra no authentication
    example "\x05\0"
        from dante-server 1.4.2, tor 0.4.7; RFC 1928
    near "\x05\0\0"

rule password
    match ^\x05\x02\z
    extra user name and password
    example "\x05\x02"
        from dante-server 1.4.2; RFC 1928
    near "\x05\x03"

rule refused
    match ^\x05\xff\z
    extra no method accepted
    example "\x05\xff"
        from RFC 1928
    near "\x05\xfe"

section tor-socks
    answers GetRequest
    service socks5

rule not-http
    match ^HTTP/1\.0 501 Tor is not an HTTP Proxy\r\n
    product Tor SOCKS proxy
    cpe a:torproject:tor
    example "HTTP/1.0 501 Tor is not an HTTP Proxy\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n"
        from tor 0.4.7.16-1
    near "HTTP/1.0 501 Tor is not\r\n"

# OpenVPN: P_CONTROL_HARD_RESET_CLIENT_V2.
probe OpenvpnReset tcp
    send "\0\x0e8prtipprt\0\0\0\0\0"
    ports 1194
    rarity 7
    fallback NULL GetRequest

probe OpenvpnResetUdp udp
    send "8prtipprt\0\0\0\0\0"
    ports 1194
    rarity 5

section openvpn
    answers OpenvpnReset udp:OpenvpnResetUdp
    service openvpn

rule reset-server
    match ^(?:\x00[\x0e-\x40])?\x40(?s:.{8})\x01\x00\x00\x00\x00prtipprt
    product OpenVPN
    cpe a:openvpn:openvpn
    example "@abcdefgh\x01\0\0\0\0prtipprt\0\0\0\0"
        from openvpn 2.6.3-1+deb12u3
    near "@abcdefgh\x01\0\0\0\0prtipprx"

# IKEv1 (RFC 2408): main mode, one proposal.
probe IkeMain udp
    send "prtipike\0\0\0\0\0\0\0\0\x01\x10\x02\0\0\0\0\0\0\0\0H\0\0\0,\0\0\0\x01\0\0\0\x01\0\0\0 \x01\x01\0\x01\0\0\0\x18\x01\x01\0\0\x80\x01\0\x05"
        "\x80\x02\0\x02\x80\x04\0\x02\x80\x03\0\x01"
    ports 500
    rarity 5

section ike
    answers udp:IkeMain
    service isakmp

rule sa
    match ^prtipike(?s:.{8})\x01\x10\x02
    extra IKEv1, proposal accepted
    example "prtipikeRRRRRRRR\x01\x10\x02\0"
        from strongSwan 5.9; RFC 2408
    near "prtipikeRRRRRRRR\x01\x10\x03\0"

rule notify
    match ^prtipike(?s:.{8})\x0b\x10\x05
    extra IKEv1, proposal refused
    example "prtipikeRRRRRRRR\x0b\x10\x05\0"
        from RFC 2408 section 4.8; strongSwan 5.9
    near "prtipikeRRRRRRRR\x0b\x10\x06\0"

rule v2
    match ^prtipike(?s:.{8})[\x00-\xff]\x20
    extra IKEv2
    example "prtipikeRRRRRRRR) \" "
        from RFC 7296 section 1.5
    near "prtipikxRRRRRRRR) "

# PPTP (RFC 2637): Start-Control-Connection-Request.
probe PptpStart tcp
    send "\0\x9c\0\x01\x1a+<M\0\x01\0\0\x01\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0prtip\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0prtip\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 1723
    rarity 6
    fallback NULL GetRequest

section pptp
    answers PptpStart
    service pptp

rule linux
    match ^\x00\x9c\x00\x01\x1a\x2b\x3c\x4d\x00\x02(?s:.{18})(?<host>[\w.-]+)
    match ^\x00\x9c\x00\x01(?s:.{88})linux
    product Linux pptpd
    os Linux
    example
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0linux\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"
        from RFC 2637; Linux pptpd
        is host gw
    near
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0xlinux\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"

rule microsoft
    match ^\x00\x9c\x00\x01\x1a\x2b\x3c\x4d\x00\x02(?s:.{18})(?<host>[\w.-]+)
    match ^\x00\x9c\x00\x01(?s:.{88})Microsoft
    product Microsoft PPTP
    os Windows
    cpe o:microsoft:windows
    example
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0Microsoft\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"
        from RFC 2637; Microsoft PPTP
        is host gw
    near
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0xMicrosoft\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"

rule mikrotik
    match ^\x00\x9c\x00\x01\x1a\x2b\x3c\x4d\x00\x02(?s:.{18})(?<host>[\w.-]+)
    match ^\x00\x9c\x00\x01(?s:.{88})MikroTik
    product MikroTik PPTP
    os RouterOS
    device router
    cpe o:mikrotik:routeros
    example
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0MikroTik\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"
        from RFC 2637; MikroTik PPTP
        is host gw
    near
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0xMikroTik\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"

rule cisco
    match ^\x00\x9c\x00\x01\x1a\x2b\x3c\x4d\x00\x02(?s:.{18})(?<host>[\w.-]+)
    match ^\x00\x9c\x00\x01(?s:.{88})Cisco
    product Cisco PPTP
    os IOS
    device router
    example
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0Cisco\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"
        from RFC 2637; Cisco PPTP
        is host gw
    near
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0xCisco\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"

rule draytek
    match ^\x00\x9c\x00\x01\x1a\x2b\x3c\x4d\x00\x02(?s:.{18})(?<host>[\w.-]+)
    match ^\x00\x9c\x00\x01(?s:.{88})DrayTek
    product DrayTek PPTP
    device router
    example
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0DrayTek\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"
        from RFC 2637; DrayTek PPTP
        is host gw
    near
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0xDrayTek\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"

rule any
    soft
    match ^\x00\x9c\x00\x01\x1a\x2b\x3c\x4d\x00\x02
    example
        "\0\x9c\0\x01\x1a+<M\0\x02\0\0\x01\0\x01\0\0\0\0\x01\0\0\0\x01\0\0\0\0gw\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0other\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0"
        from RFC 2637
    near "\0\x9c\0\x02\x1a+<M\0\x02"

# L2TP (RFC 2661): SCCRQ.
probe L2tpStart udp
    send "\xc8\x02\09\0\0\0\0\0\0\0\0\x80\x08\0\0\0\0\0\x01\x80\x08\0\0\0\x02\x01\0\x80\x0b\0\0\0\x07prtip\x80\n\0\0\0\x03\0\0\0\x03\x80\x08\0\0\0\t\x137"
    ports 1701
    rarity 7

section l2tp
    answers udp:L2tpStart
    service l2tp

rule sccrp
    match ^\xc8\x02(?s:..)\x13\x37(?s:.{6})\x80\x08\x00\x00\x00\x00\x00\x02
    example "\xc8\x02\0@\x137\0\0\0\0\0\x01\x80\x08\0\0\0\0\0\x02"
        from xl2tpd 1.3.18; RFC 2661
    near "\xc8\x02\0@\x137\0\0\0\0\0\x01\x80\x08\0\0\0\0\0\x04"

rule any
    soft
    match ^\xc8\x02(?s:..)\x13\x37
    example "\xc8\x02\0@\x137\0\0\0\0\0\x01\x80\x08\0\0\0\0\0\x04"
        from RFC 2661
    near "\xc8\x02\0@\x138"

section rlogin
    answers NULL
    service exec

rule rexec-protocol
    match ^\x01Where are you\?\n
    product netkit rexecd
    example "\x01Where are you?\n"
        from netkit rexecd
    near "\x01Where are they?\n"

rule rlogind
    service login
    match ^\x01rlogind: Permission denied
    product rlogind
    example "\x01rlogind: Permission denied.\r\n"
        from netkit rlogind
    near "\x01rlogin: Permission denied"

# Android Debug Bridge: CNXN.
probe AdbConnect tcp
    send "CNXN\0\0\0\x01\0\0\x04\0\x07\0\0\02\x02\0\0\xbc\xb1\xa7\xb1host::\0"
    ports 5555
    rarity 6
    fallback NULL GetRequest

section adb
    answers AdbConnect
    service adb

rule device
    match ^CNXN(?s:.{20})device::(?:ro\.product\.name=(?<extra>[\w.-]+))?
    product Android Debug Bridge
    os Android
    cpe o:google:android
    example "CNXN\0\0\0\x01\0\0\x04\0@\0\0\0\0\0\0\0\xbc\xb1\xa7\xb1device::ro.product.name=sdk_phone;ro.product.model=x;"
        from Android 9 emulator, adbd
        is extra sdk_phone
    near "CNXM\0\0\0\x01"

rule auth
    match ^AUTH\x01\x00\x00\x00
    product Android Debug Bridge
    extra key wanted
    os Android
    cpe o:google:android
    example "AUTH\x01\0\0\0\0\0\0\0\x14\0\0\0"
        from Android 9, adbd; adb protocol.txt
    near "AUTH\x02\0\0\0"

probe SpiceLink tcp
    send "REDQ\x02\0\0\0\x02\0\0\0\x1a\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\x12\0\0\0\t\0\0\0\0\0\0\0"
    ports 5900-5910
    rarity 8
    fallback NULL GetRequest

section spice-link
    answers SpiceLink
    service spice

rule link
    match ^REDQ\x02\x00\x00\x00
    product SPICE
    cpe a:spice_project:spice
    example "REDQ\x02\0\0\0\x02\0\0\0\xca\0\0\0"
        from SPICE protocol, RedLinkMess; QEMU 7.2
    near "REDR\x02\0\0\0"
