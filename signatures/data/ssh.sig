# SSH, RFC 4253 section 4.2: the server names its protocol and its software first.

section ssh
    answers NULL
    service ssh

rule openssh-debian
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_(?<version>[\w.]+) Debian-(?<package>[^\r\n]+)
    product OpenSSH
    extra protocol ${protocol}, Debian ${package}
    os Linux
    cpe a:openbsd:openssh:${version}
    cpe o:debian:debian_linux
    example "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
        from openssh-server 1:9.2p1-2+deb12u3
        is version 9.2p1
        is extra protocol 2.0, Debian 2+deb12u3
        is cpe cpe:/a:openbsd:openssh:9.2p1
    near "SSH-2.0-OpenSSH_9.2p1 Ubuntu-2\r\n"

rule openssh
    match ^SSH-(?<protocol>[\d.]+)-OpenSSH_(?<version>[\w.]+)
    product OpenSSH
    extra protocol ${protocol}
    cpe a:openbsd:openssh:${version}
    example "SSH-2.0-OpenSSH_9.9\r\n"
        from OpenSSH 9.9
        is version 9.9
        is extra protocol 2.0
    near "SSH-2.0-OpenSSX_9.9\r\n"

rule any
    soft
    match ^SSH-(?<protocol>[\d.]+)-
    extra protocol ${protocol}
    example "SSH-2.0-something\r\n"
        from RFC 4253
        is extra protocol 2.0
    near "SSH-\r\n"
