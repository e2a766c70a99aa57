# SSH, RFC 4253 section 4.2: each side names its protocol and its software first.

section ssh
    answers NULL
    service ssh

rule openssh-debian
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_(?<version>[\w.]+) Debian-(?<package>[^\r\n]+)
    product OpenSSH
    extra Debian ${package}, protocol ${protocol}
    os Linux
    cpe a:openbsd:openssh:${version}
    cpe o:debian:debian_linux
    example "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n"
        from openssh-server 1:9.2p1-2+deb12u10
        is version 9.2p1
        is extra Debian 2+deb12u10, protocol 2.0
    near "SSH-2.0-OpenSSH_9.2p1 Debianish\r\n"

rule openssh-ubuntu
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_(?<version>[\w.]+) Ubuntu-(?<package>[^\r\n]+)
    product OpenSSH
    extra Ubuntu ${package}, protocol ${protocol}
    os Linux
    cpe a:openbsd:openssh:${version}
    cpe o:canonical:ubuntu_linux
    example "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10\r\n"
        from Ubuntu 22.04, openssh-server
        is version 8.9p1
        is extra Ubuntu 3ubuntu0.10, protocol 2.0
    near "SSH-2.0-OpenSSH_8.9p1 Ubuntu\r\n"

rule openssh-raspbian
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_(?<version>[\w.]+) Raspbian-(?<package>[^\r\n]+)
    product OpenSSH
    extra Raspbian ${package}, protocol ${protocol}
    os Linux
    cpe a:openbsd:openssh:${version}
    cpe o:debian:debian_linux
    example "SSH-2.0-OpenSSH_7.9p1 Raspbian-10+deb10u2\r\n"
        from Raspbian 10, openssh-server
        is version 7.9p1
        is extra Raspbian 10+deb10u2, protocol 2.0
    near "SSH-2.0-OpenSSH_7.9p1 Raspbian\r\n"

rule openssh-freebsd
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_(?<version>[\w.]+) FreeBSD-(?<package>[^\r\n]+)
    product OpenSSH
    extra FreeBSD ${package}, protocol ${protocol}
    os FreeBSD
    cpe a:openbsd:openssh:${version}
    cpe o:freebsd:freebsd
    example "SSH-2.0-OpenSSH_9.6 FreeBSD-20240701\r\n"
        from FreeBSD 14, sshd_config VersionAddendum
        is version 9.6
        is extra FreeBSD 20240701, protocol 2.0
    near "SSH-2.0-OpenSSH_9.6 FreeBSE-20240701\r\n"

rule openssh-netbsd
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_(?<version>[\w.]+) NetBSD_Secure_Shell-(?<package>[^\r\n]+)
    product OpenSSH
    extra NetBSD ${package}, protocol ${protocol}
    os NetBSD
    cpe a:openbsd:openssh:${version}
    cpe o:netbsd:netbsd
    example "SSH-2.0-OpenSSH_8.0 NetBSD_Secure_Shell-20190418\r\n"
        from NetBSD 9, sshd
        is version 8.0
        is extra NetBSD 20190418, protocol 2.0
    near "SSH-2.0-OpenSSH_8.0 NetBSD\r\n"

rule openssh-windows
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_for_Windows_(?<version>[\w.]+)
    product OpenSSH for Windows
    extra protocol ${protocol}
    os Windows
    cpe a:openbsd:openssh:${version}
    cpe o:microsoft:windows
    example "SSH-2.0-OpenSSH_for_Windows_8.1\r\n"
        from Windows Server 2019, OpenSSH Server
        is version 8.1
        is extra protocol 2.0
    near "SSH-2.0-OpenSSH_for_OS2_8.1\r\n"

rule openssh
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_(?<version>[\w.]+)
    product OpenSSH
    extra protocol ${protocol}
    cpe a:openbsd:openssh:${version}
    example "SSH-2.0-OpenSSH_9.9\r\n"
        from OpenSSH 9.9 built from source
        is version 9.9
        is extra protocol 2.0
    near "SSH-2.0-OpenSSX_9.9\r\n"

rule dropbear
    match ^SSH-(?<protocol>[\d.]+)-dropbear_(?<version>[\w.]+)
    product Dropbear sshd
    extra protocol ${protocol}
    cpe a:dropbear_ssh_project:dropbear_ssh:${version}
    example "SSH-2.0-dropbear_2022.83\r\n"
        from dropbear-bin 2022.83-1
        is version 2022.83
        is extra protocol 2.0
    near "SSH-2.0-dropbears_2022\r\n"

rule dropbear-no-version
    match ^SSH-(?<protocol>[\d.]+)-dropbear\r\n
    product Dropbear sshd
    extra protocol ${protocol}
    cpe a:dropbear_ssh_project:dropbear_ssh
    example "SSH-2.0-dropbear\r\n"
        from Dropbear, LOCAL_IDENT without a version
        is extra protocol 2.0
    near "SSH-2.0-dropbeard\r\n"

rule libssh
    match ^SSH-(?<protocol>[\d.]+)-libssh[-_](?<version>[\w.]+)
    product libssh
    extra protocol ${protocol}
    cpe a:libssh:libssh:${version}
    example "SSH-2.0-libssh_0.10.6\r\n"
        from libssh 0.10.6, ssh_bind
        is version 0.10.6
        is extra protocol 2.0
    near "SSH-2.0-libssh2_1.10\r\n"

rule paramiko
    match ^SSH-(?<protocol>[\d.]+)-paramiko_(?<version>[\w.]+)
    product Paramiko
    extra protocol ${protocol}
    cpe a:paramiko:paramiko:${version}
    example "SSH-2.0-paramiko_2.12.0\r\n"
        from python3-paramiko 2.12.0, ServerInterface
        is version 2.12.0
        is extra protocol 2.0
    near "SSH-2.0-paramico_2\r\n"

rule asyncssh
    match ^SSH-(?<protocol>[\d.]+)-AsyncSSH_(?<version>[\w.]+)
    product AsyncSSH
    extra protocol ${protocol}
    cpe a:asyncssh_project:asyncssh:${version}
    example "SSH-2.0-AsyncSSH_2.14.2\r\n"
        from AsyncSSH 2.14.2, listen()
        is version 2.14.2
        is extra protocol 2.0
    near "SSH-2.0-AsyncSH_2\r\n"

rule twisted-conch
    match ^SSH-(?<protocol>[\d.]+)-Twisted(?:_(?<version>[\w.]+))?
    product Twisted Conch
    extra protocol ${protocol}
    cpe a:twistedmatrix:twisted:${version}
    example "SSH-2.0-Twisted_22.4.0\r\n"
        from python3-twisted 22.4.0, conch
        is version 22.4.0
        is extra protocol 2.0
    near "SSH-2.0-Twist_22\r\n"

rule go
    match ^SSH-(?<protocol>[\d.]+)-Go\r\n
    product Go x/crypto/ssh
    extra protocol ${protocol}
    cpe a:golang:crypto
    example "SSH-2.0-Go\r\n"
        from golang.org/x/crypto/ssh, default ServerVersion
        is extra protocol 2.0
    near "SSH-2.0-Gopher\r\n"

rule mina
    match ^SSH-(?<protocol>[\d.]+)-(?:APACHE-SSHD|SSHD-CORE)-(?<version>[\w.]+)
    product Apache MINA sshd
    extra protocol ${protocol}
    cpe a:apache:sshd:${version}
    example "SSH-2.0-APACHE-SSHD-2.12.0\r\n"
        from Apache MINA SSHD 2.12.0
        is version 2.12.0
        is extra protocol 2.0
    near "SSH-2.0-APACHE-SSH-2.12\r\n"

rule erlang
    match ^SSH-(?<protocol>[\d.]+)-Erlang/(?<version>[\w.]+)
    product Erlang ssh
    extra protocol ${protocol}
    cpe a:erlang:erlang%2fotp
    example "SSH-2.0-Erlang/5.0.1\r\n"
        from Erlang/OTP 26, ssh:daemon
        is version 5.0.1
        is extra protocol 2.0
    near "SSH-2.0-Erlangen/5\r\n"

rule tinyssh
    match ^SSH-(?<protocol>[\d.]+)-tinyssh_(?<version>[\w.]+)
    product TinySSH
    extra protocol ${protocol}
    example "SSH-2.0-tinyssh_20230101\r\n"
        from tinysshd 20230101-1
        is version 20230101
        is extra protocol 2.0
    near "SSH-2.0-tinyss_2\r\n"

rule proftpd-sftp
    match ^SSH-(?<protocol>[\d.]+)-mod_sftp(?:/(?<version>[\w.]+))?
    product ProFTPD mod_sftp
    extra protocol ${protocol}
    cpe a:proftpd:proftpd
    example "SSH-2.0-mod_sftp/1.1.0\r\n"
        from ProFTPD mod_sftp
        is version 1.1.0
        is extra protocol 2.0
    near "SSH-2.0-mod_stfp/x\r\n"

rule cisco
    match ^SSH-(?<protocol>[\d.]+)-Cisco-(?<version>[\w.]+)
    product Cisco SSH
    extra protocol ${protocol}
    os IOS
    device router
    cpe o:cisco:ios
    example "SSH-2.0-Cisco-1.25\r\n"
        from Cisco IOS 15, ip ssh version 2
        is version 1.25
        is extra protocol 2.0
    near "SSH-2.0-Ciscos-1.25\r\n"

rule mikrotik
    match ^SSH-(?<protocol>[\d.]+)-ROSSSH\r\n
    product MikroTik RouterOS sshd
    extra protocol ${protocol}
    os RouterOS
    device router
    cpe o:mikrotik:routeros
    example "SSH-2.0-ROSSSH\r\n"
        from RouterOS 6 and 7
        is extra protocol 2.0
    near "SSH-2.0-ROSSH\r\n"

rule romsshell
    match ^SSH-(?<protocol>[\d.]+)-RomSShell_(?<version>[\w.]+)
    product Allegro RomSShell
    extra protocol ${protocol}
    cpe a:allegrosoft:romsshell:${version}
    example "SSH-2.0-RomSShell_5.40\r\n"
        from Allegro RomSShell
        is version 5.40
        is extra protocol 2.0
    near "SSH-2.0-RomShell_5\r\n"

rule ilo
    match ^SSH-(?<protocol>[\d.]+)-mpSSH_(?<version>[\w.]+)
    product HP Integrated Lights-Out mpSSH
    extra protocol ${protocol}
    device remote management
    cpe o:hp:integrated_lights-out_firmware
    example "SSH-2.0-mpSSH_0.2.1\r\n"
        from HP iLO 4
        is version 0.2.1
        is extra protocol 2.0
    near "SSH-2.0-mpSH_0\r\n"

rule sun
    match ^SSH-(?<protocol>[\d.]+)-Sun_SSH_(?<version>[\w.]+)
    product SunSSH
    extra protocol ${protocol}
    os Solaris
    cpe a:sun:sunssh:${version}
    example "SSH-2.0-Sun_SSH_1.1.4\r\n"
        from Solaris 10
        is version 1.1.4
        is extra protocol 2.0
    near "SSH-2.0-SunSSH_1\r\n"

rule bitvise
    match ^SSH-(?<protocol>[\d.]+)-[\w.]+ FlowSsh: Bitvise SSH Server \(WinSSHD\)(?: (?<version>[\w.]+))?
    product Bitvise SSH Server
    extra protocol ${protocol}
    os Windows
    cpe a:bitvise:ssh_server:${version}
    cpe o:microsoft:windows
    example "SSH-2.0-9.99 FlowSsh: Bitvise SSH Server (WinSSHD) 9.42\r\n"
        from Bitvise SSH Server 9.42
        is version 9.42
        is extra protocol 2.0
    near "SSH-2.0-9.99 FlowSsh: Other\r\n"

rule wingftp
    match ^SSH-(?<protocol>[\d.]+)-WingFTPServer\r\n
    product Wing FTP Server sftpd
    extra protocol ${protocol}
    cpe a:wftpserver:wing_ftp_server
    example "SSH-2.0-WingFTPServer\r\n"
        from Wing FTP Server 7
        is extra protocol 2.0
    near "SSH-2.0-WingFTP\r\n"

rule cerberus
    match ^SSH-(?<protocol>[\d.]+)-CerberusFTPServer_(?<version>[\w.]+)
    product Cerberus FTP Server sftpd
    extra protocol ${protocol}
    os Windows
    cpe a:cerberusftp:ftp_server:${version}
    cpe o:microsoft:windows
    example "SSH-2.0-CerberusFTPServer_13.0\r\n"
        from Cerberus FTP Server 13
        is version 13.0
        is extra protocol 2.0
    near "SSH-2.0-CerberusFTP_1\r\n"

rule completeftp
    match ^SSH-(?<protocol>[\d.]+)-CompleteFTP[-_](?<version>[\w.]+)
    product CompleteFTP sftpd
    extra protocol ${protocol}
    os Windows
    cpe a:enterprisedt:completeftp:${version}
    cpe o:microsoft:windows
    example "SSH-2.0-CompleteFTP-22.1.4\r\n"
        from CompleteFTP 22
        is version 22.1.4
        is extra protocol 2.0
    near "SSH-2.0-CompletedFTP-1\r\n"

rule globalscape
    match ^SSH-(?<protocol>[\d.]+)-(?:1\.\d\d )?GlobalSCAPE\r\n
    product GlobalSCAPE EFT sshd
    extra protocol ${protocol}
    os Windows
    cpe a:globalscape:eft_server
    example "SSH-2.0-GlobalSCAPE\r\n"
        from GlobalSCAPE EFT Server
        is extra protocol 2.0
    near "SSH-2.0-GlobalSCAPES\r\n"

rule serv-u
    match ^SSH-(?<protocol>[\d.]+)-Serv-U_(?<version>[\w.]+)
    product Serv-U sshd
    extra protocol ${protocol}
    cpe a:solarwinds:serv-u:${version}
    example "SSH-2.0-Serv-U_15.4.0.1068\r\n"
        from Serv-U 15.4
        is version 15.4.0.1068
        is extra protocol 2.0
    near "SSH-2.0-Serv-X_1\r\n"

rule titan
    match ^SSH-(?<protocol>[\d.]+)-WRQReflectionForSecureIT_(?<version>[\w.]+)
    product Reflection for Secure IT
    extra protocol ${protocol}
    example "SSH-2.0-WRQReflectionForSecureIT_8.0\r\n"
        from Reflection for Secure IT 8
        is version 8.0
        is extra protocol 2.0
    near "SSH-2.0-WRQReflection_8\r\n"

rule huawei
    match ^SSH-(?<protocol>[\d.]+)-HUAWEI-(?<version>[\w.]+)
    product Huawei VRP sshd
    extra protocol ${protocol}
    os VRP
    device router
    cpe o:huawei:vrp
    example "SSH-2.0-HUAWEI-1.5\r\n"
        from Huawei VRP
        is version 1.5
        is extra protocol 2.0
    near "SSH-2.0-HUAWAI-1\r\n"

rule netscreen
    match ^SSH-(?<protocol>[\d.]+)-NetScreen\r\n
    product Juniper NetScreen sshd
    extra protocol ${protocol}
    os ScreenOS
    device firewall
    cpe o:juniper:netscreen_screenos
    example "SSH-2.0-NetScreen\r\n"
        from NetScreen ScreenOS
        is extra protocol 2.0
    near "SSH-2.0-NetScree\r\n"

rule lancom
    match ^SSH-(?<protocol>[\d.]+)-lancom\r\n
    product LANCOM sshd
    extra protocol ${protocol}
    os LCOS
    device router
    cpe o:lancom-systems:lcos
    example "SSH-2.0-lancom\r\n"
        from LANCOM LCOS
        is extra protocol 2.0
    near "SSH-2.0-lancomm\r\n"

rule gitlab
    match ^SSH-(?<protocol>[\d.]+)-GitLab-SSHD\r\n
    product GitLab gitlab-sshd
    extra protocol ${protocol}
    cpe a:gitlab:gitlab
    example "SSH-2.0-GitLab-SSHD\r\n"
        from GitLab 15, gitlab-sshd
        is extra protocol 2.0
    near "SSH-2.0-GitLab-SSH\r\n"

rule github
    match ^SSH-(?<protocol>[\d.]+)-babeld-(?<version>\w+)
    product GitHub babeld
    extra protocol ${protocol}
    example "SSH-2.0-babeld-57ca1323\r\n"
        from github.com
        is version 57ca1323
        is extra protocol 2.0
    near "SSH-2.0-babel-1\r\n"

rule aws-transfer
    match ^SSH-(?<protocol>[\d.]+)-AWS_SFTP_(?<version>[\w.]+)
    product AWS Transfer for SFTP
    extra protocol ${protocol}
    example "SSH-2.0-AWS_SFTP_1.1\r\n"
        from AWS Transfer Family
        is version 1.1
        is extra protocol 2.0
    near "SSH-2.0-AWS_SFT_1\r\n"

rule weonlydo
    match ^SSH-(?<protocol>[\d.]+)-WeOnlyDo(?:-wodFTPD)? (?<version>[\w.]+)
    product WeOnlyDo sshd
    extra protocol ${protocol}
    os Windows
    example "SSH-2.0-WeOnlyDo 2.4.3\r\n"
        from WeOnlyDo wodSSHServer
        is version 2.4.3
        is extra protocol 2.0
    near "SSH-2.0-WeOnlyDid 2\r\n"

rule comware
    match ^SSH-(?<protocol>[\d.]+)-Comware-(?<version>[\w.]+)
    product H3C Comware sshd
    extra protocol ${protocol}
    os Comware
    device switch
    cpe o:h3c:comware
    example "SSH-2.0-Comware-7.1.070\r\n"
        from H3C Comware 7
        is version 7.1.070
        is extra protocol 2.0
    near "SSH-2.0-Comwar-7\r\n"

rule zyxel
    match ^SSH-(?<protocol>[\d.]+)-Zyxel SSH server\r\n
    product Zyxel sshd
    extra protocol ${protocol}
    device switch
    example "SSH-2.0-Zyxel SSH server\r\n"
        from Zyxel GS1900
        is extra protocol 2.0
    near "SSH-2.0-Zyxel SSH sever\r\n"

rule fortios
    match ^SSH-(?<protocol>[\d.]+)-xxxxxxx\r\n
    product Fortinet FortiOS sshd
    extra protocol ${protocol}
    os FortiOS
    device firewall
    cpe o:fortinet:fortios
    example "SSH-2.0-xxxxxxx\r\n"
        from FortiGate, FortiOS 6
        is extra protocol 2.0
    near "SSH-2.0-xxxxxx\r\n"

rule crushftp
    match ^SSH-(?<protocol>[\d.]+)-CrushFTPSSHD(?:[_-](?<version>[\w.]+))?
    product CrushFTP sftpd
    extra protocol ${protocol}
    cpe a:crushftp:crushftp
    example "SSH-2.0-CrushFTPSSHD_5\r\n"
        from CrushFTP 10
        is version 5
        is extra protocol 2.0
    near "SSH-2.0-CrushFTPS_5\r\n"

rule maverick
    match ^SSH-(?<protocol>[\d.]+)-(?:Maverick|https://www\.jadaptive\.com/|SSHTools)[^\r\n]*
    product Maverick SSHD
    extra protocol ${protocol}
    example "SSH-2.0-Maverick_SSHD\r\n"
        from Maverick Legacy SSHD
        is extra protocol 2.0
    near "SSH-2.0-Maveric\r\n"

rule any
    soft
    match ^SSH-(?<protocol>[\d.]+)-(?<software>[^\r\n]*)
    extra protocol ${protocol}
    example "SSH-2.0-something\r\n"
        from RFC 4253
        is extra protocol 2.0
    near "SSH-\r\n"
