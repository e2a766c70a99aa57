# HTTP servers, told by their Server header, and languages by X-Powered-By. What runs on
# them stands in http-applications.sig and is looked at first.

section http
    answers GetRequest
    service http
    require ^HTTP/1\.[01] \d\d\d[ \r]

rule apache-debian
    header Server: Apache/(?<version>[\w.-]+) \(Debian(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Debian${modules}
    os Linux
    cpe a:apache:http_server:${version}
    cpe o:debian:debian_linux
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.62 (Debian)\r\nContent-Length: 0\r\n\r\n"
        from apache2 2.4.62-1~deb12u2
        is version 2.4.62
        is extra Debian
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.62 (Debia)\r\nContent-Length: 0\r\n\r\n"

rule apache-ubuntu
    header Server: Apache/(?<version>[\w.-]+) \(Ubuntu(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Ubuntu${modules}
    os Linux
    cpe a:apache:http_server:${version}
    cpe o:canonical:ubuntu_linux
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.52 (Ubuntu)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.52, built for Ubuntu
        is version 2.4.52
        is extra Ubuntu
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.52 (Ubunt)\r\nContent-Length: 0\r\n\r\n"

rule apache-raspbian
    header Server: Apache/(?<version>[\w.-]+) \(Raspbian(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Raspbian${modules}
    os Linux
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Raspbian)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for Raspbian
        is version 2.4.57
        is extra Raspbian
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Raspbia)\r\nContent-Length: 0\r\n\r\n"

rule apache-centos
    header Server: Apache/(?<version>[\w.-]+) \(CentOS(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra CentOS${modules}
    os Linux
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (CentOS)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for CentOS
        is version 2.4.57
        is extra CentOS
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (CentO)\r\nContent-Length: 0\r\n\r\n"

rule apache-redhat
    header Server: Apache/(?<version>[\w.-]+) \(Red Hat(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Red Hat${modules}
    os Linux
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Red Hat) OpenSSL/3.0.8\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for Red Hat
        is version 2.4.57
        is extra Red Hat OpenSSL/3.0.8
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Red Ha)\r\nContent-Length: 0\r\n\r\n"

rule apache-rocky
    header Server: Apache/(?<version>[\w.-]+) \(Rocky Linux(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Rocky Linux${modules}
    os Linux
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Rocky Linux)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for Rocky Linux
        is version 2.4.57
        is extra Rocky Linux
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Rocky Linu)\r\nContent-Length: 0\r\n\r\n"

rule apache-alma
    header Server: Apache/(?<version>[\w.-]+) \(AlmaLinux(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra AlmaLinux${modules}
    os Linux
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (AlmaLinux)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for AlmaLinux
        is version 2.4.57
        is extra AlmaLinux
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (AlmaLinu)\r\nContent-Length: 0\r\n\r\n"

rule apache-fedora
    header Server: Apache/(?<version>[\w.-]+) \(Fedora(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Fedora${modules}
    os Linux
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Fedora)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for Fedora
        is version 2.4.57
        is extra Fedora
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Fedor)\r\nContent-Length: 0\r\n\r\n"

rule apache-amazon
    header Server: Apache/(?<version>[\w.-]+) \(Amazon(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Amazon${modules}
    os Linux
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Amazon)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for Amazon
        is version 2.4.57
        is extra Amazon
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Amazo)\r\nContent-Length: 0\r\n\r\n"

rule apache-suse
    header Server: Apache/(?<version>[\w.-]+) \(Linux/SUSE(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Linux/SUSE${modules}
    os Linux
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Linux/SUSE)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for Linux/SUSE
        is version 2.4.57
        is extra Linux/SUSE
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Linux/SUS)\r\nContent-Length: 0\r\n\r\n"

rule apache-freebsd
    header Server: Apache/(?<version>[\w.-]+) \(FreeBSD(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra FreeBSD${modules}
    os FreeBSD
    cpe a:apache:http_server:${version}
    cpe o:freebsd:freebsd
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (FreeBSD)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for FreeBSD
        is version 2.4.57
        is extra FreeBSD
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (FreeBS)\r\nContent-Length: 0\r\n\r\n"

rule apache-win64
    header Server: Apache/(?<version>[\w.-]+) \(Win64(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Win64${modules}
    os Windows
    cpe a:apache:http_server:${version}
    cpe o:microsoft:windows
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.58 (Win64) OpenSSL/3.0.8\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.58, built for Win64
        is version 2.4.58
        is extra Win64 OpenSSL/3.0.8
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.58 (Win6)\r\nContent-Length: 0\r\n\r\n"

rule apache-win32
    header Server: Apache/(?<version>[\w.-]+) \(Win32(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Win32${modules}
    os Windows
    cpe a:apache:http_server:${version}
    cpe o:microsoft:windows
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.33 (Win32)\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.33, built for Win32
        is version 2.4.33
        is extra Win32
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.33 (Win3)\r\nContent-Length: 0\r\n\r\n"

rule apache-unix
    header Server: Apache/(?<version>[\w.-]+) \(Unix(?: Linux| Enterprise Linux|/SUSE)?\)(?<modules>[^\r\n]*)
    product Apache httpd
    extra Unix${modules}
    os Unix
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Unix) OpenSSL/3.0.8\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, built for Unix
        is version 2.4.57
        is extra Unix OpenSSL/3.0.8
    near "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57 (Uni)\r\nContent-Length: 0\r\n\r\n"

rule apache
    header Server: Apache(?:/(?<version>[\w.-]+))?(?:\r\n| )
    product Apache httpd
    cpe a:apache:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache/2.4.57\r\nContent-Length: 0\r\n\r\n"
        from Apache 2.4.57, ServerTokens Minimal
        is version 2.4.57
    near "HTTP/1.1 200 OK\r\nServer: Apache-Coyote/1.1\r\nContent-Length: 0\r\n\r\n"

rule tomcat-coyote
    header Server: Apache-Coyote/(?<version>[\w.-]+)
    product Apache Tomcat/Coyote JSP engine
    cpe a:apache:coyote_http_connector:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache-Coyote/1.1\r\nContent-Length: 0\r\n\r\n"
        from Tomcat 7
        is version 1.1
    near "HTTP/1.1 200 OK\r\nServer: Apache-Coyot/1.1\r\nContent-Length: 0\r\n\r\n"

rule ats
    header Server: ATS(?:/(?<version>[\w.-]+))?
    product Apache Traffic Server
    cpe a:apache:traffic_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: ATS/9.2.3\r\nContent-Length: 0\r\n\r\n"
        from Apache Traffic Server 9.2.3
        is version 9.2.3
    near "HTTP/1.1 200 OK\r\nServer: ATX/9\r\nContent-Length: 0\r\n\r\n"

rule nginx-ubuntu
    header Server: nginx/(?<version>[\w.-]+) \((?<distribution>\w+)\)
    product nginx
    extra ${distribution}
    os Linux
    cpe a:f5:nginx:${version}
    example "HTTP/1.1 200 OK\r\nServer: nginx/1.18.0 (Ubuntu)\r\nContent-Length: 0\r\n\r\n"
        from Ubuntu 22.04, nginx 1.18.0
        is version 1.18.0
        is extra Ubuntu
    near "HTTP/1.1 200 OK\r\nServer: nginx/1.18.0 Ubuntu\r\nContent-Length: 0\r\n\r\n"

rule nginx
    header Server: nginx(?:/(?<version>[\d.]+))?\r\n
    product nginx
    cpe a:f5:nginx:${version}
    example "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Length: 0\r\n\r\n"
        from nginx 1.22.1-9+deb12u1
        is version 1.22.1
    near "HTTP/1.1 200 OK\r\nServer: nginx-proxy\r\nContent-Length: 0\r\n\r\n"

rule openresty
    header Server: openresty(?:/(?<version>[\w.-]+))?[ \r]
    product OpenResty
    cpe a:openresty:openresty:${version}
    example "HTTP/1.1 200 OK\r\nServer: openresty/1.21.4.2\r\nContent-Length: 0\r\n\r\n"
        from OpenResty 1.21.4.2
        is version 1.21.4.2
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: openresty/1.21.4.2\r\n"

rule tengine
    header Server: Tengine(?:/(?<version>[\w.-]+))?[ \r]
    product Tengine
    cpe a:alibaba:tengine:${version}
    example "HTTP/1.1 200 OK\r\nServer: Tengine/2.3.3\r\nContent-Length: 0\r\n\r\n"
        from Tengine 2.3.3
        is version 2.3.3
    near "HTTP/1.1 200 OK\r\nX-Server: Tengine/2.3.3\r\n\r\n"

rule lighttpd
    header Server: lighttpd(?:/(?<version>[\w.-]+))?[ \r]
    product lighttpd
    cpe a:lighttpd:lighttpd:${version}
    example "HTTP/1.1 200 OK\r\nServer: lighttpd/1.4.69\r\nContent-Length: 0\r\n\r\n"
        from lighttpd 1.4.69-1
        is version 1.4.69
    near "HTTP/1.1 200 OK\r\nX-Server: lighttpd/1.4.69\r\n\r\n"

rule litespeed
    header Server: LiteSpeed[ /\r]
    product LiteSpeed
    cpe a:litespeedtech:litespeed_web_server
    example "HTTP/1.1 200 OK\r\nServer: LiteSpeed\r\nContent-Length: 0\r\n\r\n"
        from LiteSpeed Web Server 6
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: LiteSpeed\r\n"

rule caddy
    header Server: Caddy[ /\r]
    product Caddy
    cpe a:caddyserver:caddy
    example "HTTP/1.1 200 OK\r\nServer: Caddy\r\nContent-Length: 0\r\n\r\n"
        from caddy 2.6.2
    near "HTTP/1.1 200 OK\r\nX-Server: Caddy\r\n\r\n"

rule cherokee
    header Server: Cherokee(?:/(?<version>[\w.-]+))?[ \r]
    product Cherokee
    cpe a:cherokee-project:cherokee:${version}
    example "HTTP/1.1 200 OK\r\nServer: Cherokee/1.2.104\r\nContent-Length: 0\r\n\r\n"
        from Cherokee 1.2.104
        is version 1.2.104
    near "HTTP/1.1 200 OK\r\nX-Server: Cherokee/1.2.104\r\n\r\n"

rule hiawatha
    header Server: Hiawatha v?(?<version>[\d.]+)
    product Hiawatha
    cpe a:hiawatha-webserver:hiawatha:${version}
    example "HTTP/1.1 200 OK\r\nServer: Hiawatha v11.4\r\nContent-Length: 0\r\n\r\n"
        from Hiawatha 11.4
        is version 11.4
    near "HTTP/1.1 200 OK\r\nServer: Hiawath v1\r\nContent-Length: 0\r\n\r\n"

rule monkey
    header Server: Monkey(?:/(?<version>[\w.-]+))?[ \r]
    product Monkey
    cpe a:monkey-project:monkey:${version}
    example "HTTP/1.1 200 OK\r\nServer: Monkey/1.7.0\r\nContent-Length: 0\r\n\r\n"
        from Monkey 1.7.0
        is version 1.7.0
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Monkey/1.7.0\r\n"

rule h2o
    header Server: h2o(?:/(?<version>[\w.-]+))?[ \r]
    product H2O
    cpe a:h2o_project:h2o:${version}
    example "HTTP/1.1 200 OK\r\nServer: h2o/2.2.5\r\nContent-Length: 0\r\n\r\n"
        from h2o 2.2.5
        is version 2.2.5
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: h2o/2.2.5\r\n"

rule yaws
    header Server: Yaws(?:/| )(?<version>[\d.]+)
    product Yaws
    cpe a:yaws:yaws:${version}
    example "HTTP/1.1 200 OK\r\nServer: Yaws 2.1.1\r\nContent-Length: 0\r\n\r\n"
        from Yaws 2.1.1
        is version 2.1.1
    near "HTTP/1.1 200 OK\r\nServer: Yawn 2\r\nContent-Length: 0\r\n\r\n"

rule thttpd
    header Server: thttpd(?:/(?<version>[\w.-]+))?[ \r]
    product thttpd
    cpe a:acme:thttpd:${version}
    example "HTTP/1.1 200 OK\r\nServer: thttpd/2.29\r\nContent-Length: 0\r\n\r\n"
        from thttpd 2.29
        is version 2.29
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: thttpd/2.29\r\n"

rule sthttpd
    header Server: sthttpd(?:/(?<version>[\w.-]+))?[ \r]
    product sthttpd
    cpe a:sthttpd_project:sthttpd:${version}
    example "HTTP/1.1 200 OK\r\nServer: sthttpd/2.27.0\r\nContent-Length: 0\r\n\r\n"
        from sthttpd 2.27.0
        is version 2.27.0
    near "HTTP/1.1 200 OK\r\nX-Server: sthttpd/2.27.0\r\n\r\n"

rule mini-httpd
    header Server: mini_httpd(?:/(?<version>[\w.-]+))?[ \r]
    product mini_httpd
    cpe a:acme:mini_httpd:${version}
    example "HTTP/1.1 200 OK\r\nServer: mini_httpd/1.30\r\nContent-Length: 0\r\n\r\n"
        from mini-httpd 1.30-4
        is version 1.30
    near "HTTP/1.1 200 OK\r\nX-Server: mini_httpd/1.30\r\n\r\n"

rule micro-httpd
    header Server: micro_httpd[ /\r]
    product micro_httpd
    cpe a:acme:micro_httpd
    example "HTTP/1.1 200 OK\r\nServer: micro_httpd\r\nContent-Length: 0\r\n\r\n"
        from micro-httpd 20140814
    near "HTTP/1.1 200 OK\r\nX-Server: micro_httpd\r\n\r\n"

rule uhttpd
    header Server: uhttpd[ /\r]
    product OpenWrt uhttpd
    example "HTTP/1.1 200 OK\r\nServer: uhttpd\r\nContent-Length: 0\r\n\r\n"
        from uhttpd, OpenWrt 19
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: uhttpd\r\n"

rule webfs
    header Server: webfs(?:/(?<version>[\w.-]+))?[ \r]
    product webfs
    cpe a:webfs_project:webfs:${version}
    example "HTTP/1.1 200 OK\r\nServer: webfs/1.21\r\nContent-Length: 0\r\n\r\n"
        from webfs 1.21+ds1-12
        is version 1.21
    near "HTTP/1.1 200 OK\r\nX-Server: webfs/1.21\r\n\r\n"

rule boa
    header Server: Boa(?:/(?<version>[\w.-]+))?[ \r]
    product Boa
    cpe a:boa:boa:${version}
    example "HTTP/1.1 200 OK\r\nServer: Boa/0.94.14rc21\r\nContent-Length: 0\r\n\r\n"
        from Boa 0.94.14rc21
        is version 0.94.14rc21
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Boa/0.94.14rc21\r\n"

rule goahead
    header Server: GoAhead-Webs[ /\r]
    product GoAhead WebServer
    cpe a:embedthis:goahead
    example "HTTP/1.1 200 OK\r\nServer: GoAhead-Webs\r\nContent-Length: 0\r\n\r\n"
        from GoAhead 2
    near "HTTP/1.1 200 OK\r\nX-Server: GoAhead-Webs\r\n\r\n"

rule goahead-http
    header Server: GoAhead-http[ /\r]
    product GoAhead WebServer
    cpe a:embedthis:goahead
    example "HTTP/1.1 200 OK\r\nServer: GoAhead-http\r\nContent-Length: 0\r\n\r\n"
        from GoAhead 3
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: GoAhead-http\r\n"

rule appweb
    header Server: Mbedthis-Appweb(?:/(?<version>[\w.-]+))?[ \r]
    product Appweb
    cpe a:embedthis:appweb:${version}
    example "HTTP/1.1 200 OK\r\nServer: Mbedthis-Appweb/2.4.2\r\nContent-Length: 0\r\n\r\n"
        from Appweb 2.4.2
        is version 2.4.2
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Mbedthis-Appweb/2.4.2\r\n"

rule mongoose
    header Server: Mongoose(?:/(?<version>[\w.-]+))?[ \r]
    product Mongoose
    cpe a:cesanta:mongoose:${version}
    example "HTTP/1.1 200 OK\r\nServer: Mongoose/6.18\r\nContent-Length: 0\r\n\r\n"
        from Mongoose 6.18
        is version 6.18
    near "HTTP/1.1 200 OK\r\nX-Server: Mongoose/6.18\r\n\r\n"

rule rompager
    header Server: RomPager(?:/(?<version>[\w.-]+))?[ \r]
    product Allegro RomPager
    cpe a:allegrosoft:rompager:${version}
    example "HTTP/1.1 200 OK\r\nServer: RomPager/4.07\r\nContent-Length: 0\r\n\r\n"
        from Allegro RomPager 4.07
        is version 4.07
    near "HTTP/1.1 200 OK\r\nX-Server: RomPager/4.07\r\n\r\n"

rule virata
    header Server: Virata-EmWeb(?:/(?<version>[\w.-]+))?[ \r]
    product Virata-EmWeb
    cpe a:virata:emweb:${version}
    example "HTTP/1.1 200 OK\r\nServer: Virata-EmWeb/R6_2_1\r\nContent-Length: 0\r\n\r\n"
        from Virata-EmWeb R6_2_1
        is version R6_2_1
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Virata-EmWeb/R6_2_1\r\n"

rule ghs
    header Server: GHS[ /\r]
    product Google hosted sites
    example "HTTP/1.1 200 OK\r\nServer: GHS\r\nContent-Length: 0\r\n\r\n"
        from ghs.google.com
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: GHS\r\n"

rule gws
    header Server: gws[ /\r]
    product Google Web Server
    example "HTTP/1.1 200 OK\r\nServer: gws\r\nContent-Length: 0\r\n\r\n"
        from www.google.com
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: gws\r\n"

rule gse
    header Server: GSE[ /\r]
    product Google servlet engine
    example "HTTP/1.1 200 OK\r\nServer: GSE\r\nContent-Length: 0\r\n\r\n"
        from accounts.google.com
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: GSE\r\n"

rule esf
    header Server: ESF[ /\r]
    product Google ESF
    example "HTTP/1.1 200 OK\r\nServer: ESF\r\nContent-Length: 0\r\n\r\n"
        from play.google.com
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: ESF\r\n"

rule cloudflare
    header Server: cloudflare[ /\r]
    product Cloudflare
    example "HTTP/1.1 200 OK\r\nServer: cloudflare\r\nContent-Length: 0\r\n\r\n"
        from cloudflare.com
    near "HTTP/1.1 200 OK\r\nX-Server: cloudflare\r\n\r\n"

rule cloudfront
    header Server: CloudFront[ /\r]
    product Amazon CloudFront
    example "HTTP/1.1 200 OK\r\nServer: CloudFront\r\nContent-Length: 0\r\n\r\n"
        from cloudfront.net
    near "HTTP/1.1 200 OK\r\nX-Server: CloudFront\r\n\r\n"

rule s3
    header Server: AmazonS3[ /\r]
    product Amazon S3
    example "HTTP/1.1 200 OK\r\nServer: AmazonS3\r\nContent-Length: 0\r\n\r\n"
        from s3.amazonaws.com
    near "HTTP/1.1 200 OK\r\nX-Server: AmazonS3\r\n\r\n"

rule elb
    header Server: awselb(?:/(?<version>[\w.-]+))?[ \r]
    product Amazon Elastic Load Balancer
    example "HTTP/1.1 200 OK\r\nServer: awselb/2.0\r\nContent-Length: 0\r\n\r\n"
        from AWS application load balancer
        is version 2.0
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: awselb/2.0\r\n"

rule akamai
    header Server: AkamaiGHost[ /\r]
    product Akamai GHost
    example "HTTP/1.1 200 OK\r\nServer: AkamaiGHost\r\nContent-Length: 0\r\n\r\n"
        from Akamai edge
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: AkamaiGHost\r\n"

rule akamai-netstorage
    header Server: AkamaiNetStorage[ /\r]
    product Akamai NetStorage
    example "HTTP/1.1 200 OK\r\nServer: AkamaiNetStorage\r\nContent-Length: 0\r\n\r\n"
        from Akamai NetStorage
    near "HTTP/1.1 200 OK\r\nX-Server: AkamaiNetStorage\r\n\r\n"

rule netlify
    header Server: Netlify[ /\r]
    product Netlify
    example "HTTP/1.1 200 OK\r\nServer: Netlify\r\nContent-Length: 0\r\n\r\n"
        from netlify.app
    near "HTTP/1.1 200 OK\r\nX-Server: Netlify\r\n\r\n"

rule vercel
    header Server: Vercel[ /\r]
    product Vercel
    example "HTTP/1.1 200 OK\r\nServer: Vercel\r\nContent-Length: 0\r\n\r\n"
        from vercel.app
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Vercel\r\n"

rule github-pages
    header Server: GitHub\.com[ /\r]
    product GitHub Pages
    example "HTTP/1.1 200 OK\r\nServer: GitHub.com\r\nContent-Length: 0\r\n\r\n"
        from github.io
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: GitHub.com\r\n"

rule sucuri
    header Server: Sucuri(?:/Cloudproxy)?\r\n
    product Sucuri CloudProxy
    example "HTTP/1.1 200 OK\r\nServer: Sucuri/Cloudproxy\r\nContent-Length: 0\r\n\r\n"
        from Sucuri
    near "HTTP/1.1 200 OK\r\nServer: Sucurity\r\nContent-Length: 0\r\n\r\n"

rule ddos-guard
    header Server: ddos-guard[ /\r]
    product DDoS-Guard
    example "HTTP/1.1 200 OK\r\nServer: ddos-guard\r\nContent-Length: 0\r\n\r\n"
        from ddos-guard.net
    near "HTTP/1.1 200 OK\r\nX-Server: ddos-guard\r\n\r\n"

rule bunny
    header Server: BunnyCDN-(?<pop>[\w-]+)
    product BunnyCDN
    extra ${pop}
    example "HTTP/1.1 200 OK\r\nServer: BunnyCDN-DE1-1049\r\nContent-Length: 0\r\n\r\n"
        from bunny.net
        is extra DE1-1049
    near "HTTP/1.1 200 OK\r\nServer: Bunny-DE1\r\nContent-Length: 0\r\n\r\n"

rule ecs
    header Server: ECS? \((?<pop>[\w/]+)\)
    product Edgecast
    extra ${pop}
    example "HTTP/1.1 200 OK\r\nServer: ECS (nyb/1D2E)\r\nContent-Length: 0\r\n\r\n"
        from Edgecast
        is extra nyb/1D2E
    near "HTTP/1.1 200 OK\r\nServer: ECS nyb\r\nContent-Length: 0\r\n\r\n"

rule envoy
    header Server: envoy[ /\r]
    product Envoy
    cpe a:envoyproxy:envoy
    example "HTTP/1.1 200 OK\r\nServer: envoy\r\nContent-Length: 0\r\n\r\n"
        from Envoy 1.28
    near "HTTP/1.1 200 OK\r\nX-Server: envoy\r\n\r\n"

rule istio
    header Server: istio-envoy[ /\r]
    product Istio ingress, Envoy
    cpe a:istio:istio
    example "HTTP/1.1 200 OK\r\nServer: istio-envoy\r\nContent-Length: 0\r\n\r\n"
        from Istio 1.19
    near "HTTP/1.1 200 OK\r\nX-Server: istio-envoy\r\n\r\n"

rule kong
    header Server: kong(?:/(?<version>[\w.-]+))?[ \r]
    product Kong
    cpe a:konghq:kong_gateway:${version}
    example "HTTP/1.1 200 OK\r\nServer: kong/3.4.2\r\nContent-Length: 0\r\n\r\n"
        from Kong 3.4.2
        is version 3.4.2
    near "HTTP/1.1 200 OK\r\nX-Server: kong/3.4.2\r\n\r\n"

rule apisix
    header Server: APISIX(?:/(?<version>[\w.-]+))?[ \r]
    product Apache APISIX
    cpe a:apache:apisix:${version}
    example "HTTP/1.1 200 OK\r\nServer: APISIX/3.6.0\r\nContent-Length: 0\r\n\r\n"
        from APISIX 3.6.0
        is version 3.6.0
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: APISIX/3.6.0\r\n"

rule gunicorn
    header Server: gunicorn(?:/(?<version>[\w.-]+))?[ \r]
    product Gunicorn
    cpe a:gunicorn:gunicorn:${version}
    example "HTTP/1.1 200 OK\r\nServer: gunicorn/20.1.0\r\nContent-Length: 0\r\n\r\n"
        from gunicorn 20.1.0-6+deb12u1
        is version 20.1.0
    near "HTTP/1.1 200 OK\r\nX-Server: gunicorn/20.1.0\r\n\r\n"

rule uvicorn
    header Server: uvicorn[ /\r]
    product Uvicorn
    cpe a:encode:uvicorn
    example "HTTP/1.1 200 OK\r\nServer: uvicorn\r\nContent-Length: 0\r\n\r\n"
        from Uvicorn 0.23
    near "HTTP/1.1 200 OK\r\nX-Server: uvicorn\r\n\r\n"

rule hypercorn
    header Server: hypercorn-h11[ /\r]
    product Hypercorn
    cpe a:hypercorn_project:hypercorn
    example "HTTP/1.1 200 OK\r\nServer: hypercorn-h11\r\nContent-Length: 0\r\n\r\n"
        from Hypercorn 0.14
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: hypercorn-h11\r\n"

rule daphne
    header Server: daphne[ /\r]
    product Daphne
    cpe a:djangoproject:daphne
    example "HTTP/1.1 200 OK\r\nServer: daphne\r\nContent-Length: 0\r\n\r\n"
        from Daphne 4
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: daphne\r\n"

rule waitress
    header Server: waitress[ /\r]
    product Waitress
    cpe a:agendaless:waitress
    example "HTTP/1.1 200 OK\r\nServer: waitress\r\nContent-Length: 0\r\n\r\n"
        from python3-waitress 2.1.2
    near "HTTP/1.1 200 OK\r\nX-Server: waitress\r\n\r\n"

rule tornado
    header Server: TornadoServer(?:/(?<version>[\w.-]+))?[ \r]
    product Tornado
    cpe a:tornadoweb:tornado:${version}
    example "HTTP/1.1 200 OK\r\nServer: TornadoServer/6.2\r\nContent-Length: 0\r\n\r\n"
        from python3-tornado 6.2
        is version 6.2
    near "HTTP/1.1 200 OK\r\nX-Server: TornadoServer/6.2\r\n\r\n"

rule cherrypy
    header Server: CherryPy(?:/(?<version>[\w.-]+))?[ \r]
    product CherryPy
    cpe a:cherrypy:cherrypy:${version}
    example "HTTP/1.1 200 OK\r\nServer: CherryPy/18.8.0\r\nContent-Length: 0\r\n\r\n"
        from CherryPy 18.8.0
        is version 18.8.0
    near "HTTP/1.1 200 OK\r\nX-Server: CherryPy/18.8.0\r\n\r\n"

rule cheroot
    header Server: Cheroot(?:/(?<version>[\w.-]+))?[ \r]
    product Cheroot
    cpe a:cherrypy:cheroot:${version}
    example "HTTP/1.1 200 OK\r\nServer: Cheroot/9.0.0\r\nContent-Length: 0\r\n\r\n"
        from Cheroot 9.0.0
        is version 9.0.0
    near "HTTP/1.1 200 OK\r\nX-Server: Cheroot/9.0.0\r\n\r\n"

rule twisted
    header Server: TwistedWeb(?:/(?<version>[\w.-]+))?[ \r]
    product TwistedWeb
    cpe a:twistedmatrix:twistedweb:${version}
    example "HTTP/1.1 200 OK\r\nServer: TwistedWeb/22.4.0\r\nContent-Length: 0\r\n\r\n"
        from python3-twisted 22.4.0
        is version 22.4.0
    near "HTTP/1.1 200 OK\r\nX-Server: TwistedWeb/22.4.0\r\n\r\n"

rule zope
    header Server: Zope/\((?:Zope )?(?<version>[\d.]+)
    product Zope
    cpe a:zope:zope:${version}
    example
        "HTTP/1.1 200 OK\r\nServer: Zope/(2.13.27, python 2.7.12, linux2) ZServer/1"
        ".1\r\nContent-Length: 0\r\n\r\n"
        from Zope 2.13.27
        is version 2.13.27
    near "HTTP/1.1 200 OK\r\nServer: Zop/(2\r\nContent-Length: 0\r\n\r\n"

rule mongrel
    header Server: Mongrel(?:/(?<version>[\w.-]+))?[ \r]
    product Mongrel
    cpe a:zed_shaw:mongrel:${version}
    example "HTTP/1.1 200 OK\r\nServer: Mongrel/1.1.5\r\nContent-Length: 0\r\n\r\n"
        from Mongrel 1.1.5
        is version 1.1.5
    near "HTTP/1.1 200 OK\r\nX-Server: Mongrel/1.1.5\r\n\r\n"

rule thin
    header Server: thin[ /\r]
    product Thin
    cpe a:macournoyer:thin
    example "HTTP/1.1 200 OK\r\nServer: thin\r\nContent-Length: 0\r\n\r\n"
        from thin 1.8.1
    near "HTTP/1.1 200 OK\r\nX-Server: thin\r\n\r\n"

rule unicorn
    header Server: unicorn(?:/(?<version>[\w.-]+))?[ \r]
    product Unicorn
    cpe a:unicorn_project:unicorn:${version}
    example "HTTP/1.1 200 OK\r\nServer: unicorn/4.8.3\r\nContent-Length: 0\r\n\r\n"
        from Unicorn 4.8.3
        is version 4.8.3
    near "HTTP/1.1 200 OK\r\nX-Server: unicorn/4.8.3\r\n\r\n"

rule cowboy
    header Server: Cowboy[ /\r]
    product Cowboy
    cpe a:ninenines:cowboy
    example "HTTP/1.1 200 OK\r\nServer: Cowboy\r\nContent-Length: 0\r\n\r\n"
        from Cowboy 2
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Cowboy\r\n"

rule mochiweb
    header Server: MochiWeb(?:/(?<version>[\w.-]+))?[ \r]
    product MochiWeb
    cpe a:mochiweb_project:mochiweb:${version}
    example "HTTP/1.1 200 OK\r\nServer: MochiWeb/1.0\r\nContent-Length: 0\r\n\r\n"
        from MochiWeb 1.0
        is version 1.0
    near "HTTP/1.1 200 OK\r\nX-Server: MochiWeb/1.0\r\n\r\n"

rule jetty-old
    header Server: Jetty(?:/(?<version>[\w.-]+))?[ \r]
    product Jetty
    cpe a:eclipse:jetty:${version}
    example "HTTP/1.1 200 OK\r\nServer: Jetty/6.1.26\r\nContent-Length: 0\r\n\r\n"
        from Jetty 6.1.26
        is version 6.1.26
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Jetty/6.1.26\r\n"

rule glassfish
    header Server: GlassFish Server Open Source Edition +(?<version>[\d.]+)
    product GlassFish
    cpe a:oracle:glassfish_server:${version}
    example
        "HTTP/1.1 200 OK\r\nServer: GlassFish Server Open Source Edition  5.1.0\r\nCo"
        "ntent-Length: 0\r\n\r\n"
        from GlassFish 5.1.0
        is version 5.1.0
    near "HTTP/1.1 200 OK\r\nServer: GlassFish Server\r\nContent-Length: 0\r\n\r\n"

rule wildfly
    header Server: WildFly(?:/(?<version>[\w.-]+))?[ \r]
    product WildFly
    cpe a:redhat:jboss_wildfly_application_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: WildFly/10\r\nContent-Length: 0\r\n\r\n"
        from WildFly 10
        is version 10
    near "HTTP/1.1 200 OK\r\nX-Server: WildFly/10\r\n\r\n"

rule jboss-eap
    header Server: JBoss-EAP(?:/(?<version>[\w.-]+))?[ \r]
    product Red Hat JBoss EAP
    cpe a:redhat:jboss_enterprise_application_platform:${version}
    example "HTTP/1.1 200 OK\r\nServer: JBoss-EAP/7\r\nContent-Length: 0\r\n\r\n"
        from JBoss EAP 7
        is version 7
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: JBoss-EAP/7\r\n"

rule undertow
    header Server: Undertow(?:/(?<version>[\w.-]+))?[ \r]
    product Undertow
    cpe a:redhat:undertow:${version}
    example "HTTP/1.1 200 OK\r\nServer: Undertow/1\r\nContent-Length: 0\r\n\r\n"
        from Undertow 1
        is version 1
    near "HTTP/1.1 200 OK\r\nX-Server: Undertow/1\r\n\r\n"

rule websphere
    header Server: WebSphere Application Server(?:/(?<version>[\w.-]+))?[ \r]
    product IBM WebSphere Application Server
    cpe a:ibm:websphere_application_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: WebSphere Application Server/9.0\r\nContent-Length: 0\r\n\r\n"
        from WebSphere 9.0
        is version 9.0
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: WebSphere Application Server/9.0\r\n"

rule ibm-http
    header Server: IBM_HTTP_Server(?:/(?<version>[\w.-]+))?[ \r]
    product IBM HTTP Server
    cpe a:ibm:http_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: IBM_HTTP_Server/9.0.5.7\r\nContent-Length: 0\r\n\r\n"
        from IBM HTTP Server 9.0.5.7
        is version 9.0.5.7
    near "HTTP/1.1 200 OK\r\nX-Server: IBM_HTTP_Server/9.0.5.7\r\n\r\n"

rule domino
    header Server: Lotus-Domino(?:/Release-(?<version>[\w.-]+))?
    product HCL Domino httpd
    cpe a:hcltech:domino:${version}
    example "HTTP/1.1 200 OK\r\nServer: Lotus-Domino/Release-9.0.1\r\nContent-Length: 0\r\n\r\n"
        from Domino 9.0.1
        is version 9.0.1
    near "HTTP/1.1 200 OK\r\nServer: Lotus-Domin\r\nContent-Length: 0\r\n\r\n"

rule resin
    header Server: Resin(?:/(?<version>[\w.-]+))?[ \r]
    product Caucho Resin
    cpe a:caucho:resin:${version}
    example "HTTP/1.1 200 OK\r\nServer: Resin/4.0.64\r\nContent-Length: 0\r\n\r\n"
        from Resin 4.0.64
        is version 4.0.64
    near "HTTP/1.1 200 OK\r\nX-Server: Resin/4.0.64\r\n\r\n"

rule kestrel
    header Server: Kestrel[ /\r]
    product Microsoft Kestrel
    cpe a:microsoft:asp.net_core
    example "HTTP/1.1 200 OK\r\nServer: Kestrel\r\nContent-Length: 0\r\n\r\n"
        from ASP.NET Core 7
    near "HTTP/1.1 200 OK\r\nX-Server: Kestrel\r\n\r\n"

rule winstone
    header Server: Winstone Servlet (?:Container|Engine) v(?<version>[\d.]+)
    product Winstone
    example "HTTP/1.1 200 OK\r\nServer: Winstone Servlet Engine v4.1.2\r\nContent-Length: 0\r\n\r\n"
        from Winstone 4.1.2
        is version 4.1.2
    near "HTTP/1.1 200 OK\r\nServer: Winstone Servlet v1\r\nContent-Length: 0\r\n\r\n"

rule zeus
    header Server: Zeus(?:/(?<version>[\w.-]+))?[ \r]
    product Zeus
    cpe a:zeus:zeus_web_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Zeus/4.3\r\nContent-Length: 0\r\n\r\n"
        from Zeus Web Server 4.3
        is version 4.3
    near "HTTP/1.1 200 OK\r\nX-Server: Zeus/4.3\r\n\r\n"

rule abyss
    header Server: Abyss(?:/(?<version>[\w.-]+))?[ \r]
    product Abyss Web Server
    cpe a:aprelium:abyss_web_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: Abyss/2.16.9.1-X1-Win32\r\nContent-Length: 0\r\n\r\n"
        from Abyss 2.16.9.1
        is version 2.16.9.1-X1-Win32
    near "HTTP/1.1 200 OK\r\nX-Server: Abyss/2.16.9.1-X1-Win32\r\n\r\n"

rule xitami
    header Server: Xitami[ /\r]
    product Xitami
    cpe a:imatix:xitami
    example "HTTP/1.1 200 OK\r\nServer: Xitami\r\nContent-Length: 0\r\n\r\n"
        from Xitami
    near "HTTP/1.1 200 OK\r\nServer: Xitam\r\nContent-Length: 0\r\n\r\n"

rule aolserver
    header Server: AOLserver(?:/(?<version>[\w.-]+))?[ \r]
    product AOLserver
    cpe a:aol:aolserver:${version}
    example "HTTP/1.1 200 OK\r\nServer: AOLserver/4.5.2\r\nContent-Length: 0\r\n\r\n"
        from AOLserver 4.5.2
        is version 4.5.2
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: AOLserver/4.5.2\r\n"

rule naviserver
    header Server: NaviServer(?:/(?<version>[\w.-]+))?[ \r]
    product NaviServer
    example "HTTP/1.1 200 OK\r\nServer: NaviServer/4.99.24\r\nContent-Length: 0\r\n\r\n"
        from NaviServer 4.99.24
        is version 4.99.24
    near "HTTP/1.1 200 OK\r\nX-Server: NaviServer/4.99.24\r\n\r\n"

rule nghttpx
    header Server: nghttpx[ /\r]
    product nghttpx
    cpe a:nghttp2:nghttp2
    example "HTTP/1.1 200 OK\r\nServer: nghttpx\r\nContent-Length: 0\r\n\r\n"
        from nghttp2-proxy 1.52.0
    near "HTTP/1.1 200 OK\r\nX-Server: nghttpx\r\n\r\n"

rule nghttpd
    header Server: nghttpd nghttp2(?:/(?<version>[\w.-]+))?[ \r]
    product nghttpd
    cpe a:nghttp2:nghttp2:${version}
    example "HTTP/1.1 200 OK\r\nServer: nghttpd nghttp2/1.52.0\r\nContent-Length: 0\r\n\r\n"
        from nghttp2-server 1.52.0
        is version 1.52.0
    near "HTTP/1.1 200 OK\r\nX-Server: nghttpd nghttp2/1.52.0\r\n\r\n"

rule varnish-server
    header Server: Varnish[ /\r]
    product Varnish
    cpe a:varnish-software:varnish_cache
    example "HTTP/1.1 200 OK\r\nServer: Varnish\r\nContent-Length: 0\r\n\r\n"
        from varnish 7.1.1, synthetic answer
    near "HTTP/1.1 200 OK\r\nX-Server: Varnish\r\n\r\n"

rule squid
    service http-proxy
    header Server: squid(?:/(?<version>[\w.-]+))?[ \r]
    product Squid
    cpe a:squid-cache:squid:${version}
    example "HTTP/1.1 200 OK\r\nServer: squid/5.7\r\nContent-Length: 0\r\n\r\n"
        from squid 5.7-2+deb12u3
        is version 5.7
    near "HTTP/1.1 200 OK\r\nX-Server: squid/5.7\r\n\r\n"

rule privoxy
    service http-proxy
    header Server: Privoxy(?:/(?<version>[\w.-]+))?[ \r]
    product Privoxy
    cpe a:privoxy:privoxy:${version}
    example "HTTP/1.1 200 OK\r\nServer: Privoxy/3.0.34\r\nContent-Length: 0\r\n\r\n"
        from privoxy 3.0.34
        is version 3.0.34
    near "HTTP/1.1 200 OK\r\nX-Server: Privoxy/3.0.34\r\n\r\n"

rule tinyproxy
    service http-proxy
    header Server: tinyproxy(?:/(?<version>[\w.-]+))?[ \r]
    product Tinyproxy
    cpe a:tinyproxy_project:tinyproxy:${version}
    example "HTTP/1.1 200 OK\r\nServer: tinyproxy/1.11.1\r\nContent-Length: 0\r\n\r\n"
        from tinyproxy 1.11.1-2.1+deb12u1
        is version 1.11.1
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: tinyproxy/1.11.1\r\n"

rule ziproxy
    header Server: ziproxy[ /\r]
    product Ziproxy
    cpe a:ziproxy:ziproxy
    example "HTTP/1.1 200 OK\r\nServer: ziproxy\r\nContent-Length: 0\r\n\r\n"
        from Ziproxy 3.3
    near "HTTP/1.1 200 OK\r\nX-Server: ziproxy\r\n\r\n"

rule polipo
    header Server: Polipo[ /\r]
    product Polipo
    example "HTTP/1.1 200 OK\r\nServer: Polipo\r\nContent-Length: 0\r\n\r\n"
        from Polipo 1.1.1
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Polipo\r\n"

rule mitmproxy
    header Server: mitmproxy[ /\r]
    product mitmproxy
    cpe a:mitmproxy:mitmproxy
    example "HTTP/1.1 200 OK\r\nServer: mitmproxy\r\nContent-Length: 0\r\n\r\n"
        from mitmproxy 9
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: mitmproxy\r\n"

rule openssl
    match ^HTTP/1\.0 200 ok\r\nContent-type: text/html\r\n\r\n<HTML><BODY BGCOLOR="#ffffff">\n<pre>\n\ns_server
    product OpenSSL s_server
    cpe a:openssl:openssl
    example "HTTP/1.0 200 ok\r\nContent-type: text/html\r\n\r\n<HTML><BODY BGCOLOR=\"#ffffff\">\n<pre>\n\ns_server -accept "
        from openssl 3.0.17-1~deb12u2, s_server -www
    near "HTTP/1.0 200 ok\r\nContent-type: text/html\r\n\r\n<HTML><BODY BGCOLOR=\"#ffffff\">\n<pre>\n\n"

rule icecast
    header Server: Icecast (?<version>[\d.]+)
    product Icecast streaming media server
    cpe a:xiph:icecast:${version}
    example "HTTP/1.1 200 OK\r\nServer: Icecast 2.4.4\r\nContent-Length: 0\r\n\r\n"
        from icecast2 2.4.4-4
        is version 2.4.4
    near "HTTP/1.1 200 OK\r\nServer: Icecasts 2\r\nContent-Length: 0\r\n\r\n"

rule mongrel2
    header Server: Mongrel2(?:/(?<version>[\w.-]+))?[ \r]
    product Mongrel2
    example "HTTP/1.1 200 OK\r\nServer: Mongrel2/1.11.0\r\nContent-Length: 0\r\n\r\n"
        from Mongrel2 1.11.0
        is version 1.11.0
    near "HTTP/1.1 200 OK\r\nX-Server: Mongrel2/1.11.0\r\n\r\n"

rule swoole
    header Server: swoole-http-server[ /\r]
    product Swoole
    cpe a:swoole:swoole
    example "HTTP/1.1 200 OK\r\nServer: swoole-http-server\r\nContent-Length: 0\r\n\r\n"
        from Swoole 4
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: swoole-http-server\r\n"

rule workerman
    header Server: workerman(?:/(?<version>[\w.-]+))?[ \r]
    product Workerman
    example "HTTP/1.1 200 OK\r\nServer: workerman/4.1.10\r\nContent-Length: 0\r\n\r\n"
        from Workerman 4.1.10
        is version 4.1.10
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: workerman/4.1.10\r\n"

rule oracle-http
    header Server: Oracle-HTTP-Server[ /\r]
    product Oracle HTTP Server
    cpe a:oracle:http_server
    example "HTTP/1.1 200 OK\r\nServer: Oracle-HTTP-Server\r\nContent-Length: 0\r\n\r\n"
        from Oracle HTTP Server 12c
    near "HTTP/1.1 200 OK\r\nX-Server: Oracle-HTTP-Server\r\n\r\n"

rule oracle-as
    header Server: Oracle-Application-Server-11g[ /\r]
    product Oracle Application Server
    cpe a:oracle:application_server
    example "HTTP/1.1 200 OK\r\nServer: Oracle-Application-Server-11g\r\nContent-Length: 0\r\n\r\n"
        from Oracle Application Server 11g
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Oracle-Application-Server-11g\r\n"

rule sap-icm
    header Server: SAP NetWeaver Application Server
    product SAP NetWeaver
    cpe a:sap:netweaver_application_server
    example
        "HTTP/1.1 200 OK\r\nServer: SAP NetWeaver Application Server / ABAP 753\r\nCo"
        "ntent-Length: 0\r\n\r\n"
        from SAP NetWeaver 7
    near "HTTP/1.1 200 OK\r\nServer: SAP Netweave\r\nContent-Length: 0\r\n\r\n"

rule ews-nic4
    header Server: EWS-NIC5(?:/(?<version>[\w.-]+))?[ \r]
    product Dell/Xerox EWS-NIC
    device printer
    example "HTTP/1.1 200 OK\r\nServer: EWS-NIC5/15.18\r\nContent-Length: 0\r\n\r\n"
        from Dell 1765nfw
        is version 15.18
    near "HTTP/1.1 200 OK\r\nX-Server: EWS-NIC5/15.18\r\n\r\n"

rule lwip
    header Server: lwIP(?:/(?<version>[\w.-]+))?[ \r]
    product lwIP httpd
    example "HTTP/1.1 200 OK\r\nServer: lwIP/2.1.2\r\nContent-Length: 0\r\n\r\n"
        from lwIP 2.1.2 httpd
        is version 2.1.2
    near "HTTP/1.1 200 OK\r\nX-Server: lwIP/2.1.2\r\n\r\n"

rule esp
    header Server: ESP8266[ /\r]
    product ESP8266 web server
    example "HTTP/1.1 200 OK\r\nServer: ESP8266\r\nContent-Length: 0\r\n\r\n"
        from ESP8266
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: ESP8266\r\n"

rule cisco-ios
    header Server: cisco-IOS[ /\r]
    product Cisco IOS http config
    os IOS
    device router
    cpe o:cisco:ios
    example "HTTP/1.1 200 OK\r\nServer: cisco-IOS\r\nContent-Length: 0\r\n\r\n"
        from Cisco IOS 15
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: cisco-IOS\r\n"

rule huawei
    header Server: HUAWEI[ /\r]
    product Huawei web server
    device router
    example "HTTP/1.1 200 OK\r\nServer: HUAWEI\r\nContent-Length: 0\r\n\r\n"
        from Huawei HG8245
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: HUAWEI\r\n"

rule zyxel-rom
    header Server: ZyXEL-RomPager(?:/(?<version>[\w.-]+))?[ \r]
    product ZyXEL RomPager
    device router
    example "HTTP/1.1 200 OK\r\nServer: ZyXEL-RomPager/3.02\r\nContent-Length: 0\r\n\r\n"
        from ZyXEL Prestige
        is version 3.02
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: ZyXEL-RomPager/3.02\r\n"

rule tplink
    header Server: TP-LINK HTTPD/(?<version>[\w.-]+)
    product TP-LINK httpd
    device router
    example "HTTP/1.1 200 OK\r\nServer: TP-LINK HTTPD/1.0\r\nContent-Length: 0\r\n\r\n"
        from TP-LINK Archer
        is version 1.0
    near "HTTP/1.1 200 OK\r\nServer: TP-LINK HTTP/1\r\nContent-Length: 0\r\n\r\n"

rule tplink-router
    header Server: Router Webserver[ /\r]
    product TP-LINK router httpd
    device router
    example "HTTP/1.1 200 OK\r\nServer: Router Webserver\r\nContent-Length: 0\r\n\r\n"
        from TP-LINK WR841N
    near "HTTP/1.1 200 OK\r\nX-Server: Router Webserver\r\n\r\n"

rule netgear
    header Server: NETGEAR[ /\r]
    product NETGEAR httpd
    device router
    example "HTTP/1.1 200 OK\r\nServer: NETGEAR\r\nContent-Length: 0\r\n\r\n"
        from NETGEAR R7000
    near "HTTP/1.1 200 OK\r\nX-Server: NETGEAR\r\n\r\n"

rule dlink
    header Server: alphanetworks[ /\r]
    product D-Link httpd
    device router
    example "HTTP/1.1 200 OK\r\nServer: alphanetworks\r\nContent-Length: 0\r\n\r\n"
        from D-Link DIR-615
    near "HTTP/1.1 200 OK\r\nX-Server: alphanetworks\r\n\r\n"

rule avtech
    header Server: Linux/2\.x UPnP/1\.0 Avtech/(?<version>[\w.-]+)
    product AVTECH AV
    device webcam
    example "HTTP/1.1 200 OK\r\nServer: Linux/2.x UPnP/1.0 Avtech/1.0\r\nContent-Length: 0\r\n\r\n"
        from AVTECH DVR
        is version 1.0
    near "HTTP/1.1 200 OK\r\nServer: Linux/2.x UPnP/1.0 Axtech/1\r\nContent-Length: 0\r\n\r\n"

rule netwave
    header Server: Netwave IP Camera[ /\r]
    product Netwave IP camera
    device webcam
    example "HTTP/1.1 200 OK\r\nServer: Netwave IP Camera\r\nContent-Length: 0\r\n\r\n"
        from Netwave camera
    near "HTTP/1.1 200 OK\r\nX-Server: Netwave IP Camera\r\n\r\n"

rule yawcam
    header Server: Yawcam[ /\r]
    product Yawcam
    example "HTTP/1.1 200 OK\r\nServer: Yawcam\r\nContent-Length: 0\r\n\r\n"
        from Yawcam 0.6
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: Yawcam\r\n"

rule vivotek
    header Server: Vivotek Network Camera[ /\r]
    product Vivotek camera
    device webcam
    example "HTTP/1.1 200 OK\r\nServer: Vivotek Network Camera\r\nContent-Length: 0\r\n\r\n"
        from Vivotek IP8332
    near "HTTP/1.1 200 OK\r\nX-Server: Vivotek Network Camera\r\n\r\n"

rule dvrdvs
    header Server: DVRDVS-Webs[ /\r]
    product Hikvision DVR
    device webcam
    example "HTTP/1.1 200 OK\r\nServer: DVRDVS-Webs\r\nContent-Length: 0\r\n\r\n"
        from Hikvision DS-7204
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: DVRDVS-Webs\r\n"

rule ipcamera
    header Server: IPCamera-Web[ /\r]
    product IP camera
    device webcam
    example "HTTP/1.1 200 OK\r\nServer: IPCamera-Web\r\nContent-Length: 0\r\n\r\n"
        from IPCamera
    near "HTTP/1.1 200 OK\r\nX-Server: IPCamera-Web\r\n\r\n"

rule http-server-gvs
    header Server: gvs 1\.0[ /\r]
    product Google Video Server
    example "HTTP/1.1 200 OK\r\nServer: gvs 1.0\r\nContent-Length: 0\r\n\r\n"
        from youtube.com
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: gvs 1.0\r\n"

rule tencent
    header Server: tencent-cos[ /\r]
    product Tencent COS
    example "HTTP/1.1 200 OK\r\nServer: tencent-cos\r\nContent-Length: 0\r\n\r\n"
        from myqcloud.com
    near "HTTP/1.1 200 OK\r\nX-Server: tencent-cos\r\n\r\n"

rule aliyunoss
    header Server: AliyunOSS[ /\r]
    product Alibaba OSS
    example "HTTP/1.1 200 OK\r\nServer: AliyunOSS\r\nContent-Length: 0\r\n\r\n"
        from aliyuncs.com
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: AliyunOSS\r\n"

rule bfe
    header Server: BFE[ /\r]
    product Baidu BFE
    example "HTTP/1.1 200 OK\r\nServer: BFE\r\nContent-Length: 0\r\n\r\n"
        from baidu.com
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: BFE\r\n"

rule yunjiasu
    header Server: yunjiasu-nginx[ /\r]
    product Baidu Yunjiasu
    example "HTTP/1.1 200 OK\r\nServer: yunjiasu-nginx\r\nContent-Length: 0\r\n\r\n"
        from yunjiasu
    near "HTTP/1.1 200 OK\r\nX-Server: yunjiasu-nginx\r\n\r\n"

rule qrator
    header Server: QRATOR[ /\r]
    product Qrator
    example "HTTP/1.1 200 OK\r\nServer: QRATOR\r\nContent-Length: 0\r\n\r\n"
        from qrator.net
    near "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\r\nServer: QRATOR\r\n"

rule imunify
    header Server: imunify360-webshield(?:/(?<version>[\w.-]+))?[ \r]
    product Imunify360 WebShield
    example "HTTP/1.1 200 OK\r\nServer: imunify360-webshield/1.21\r\nContent-Length: 0\r\n\r\n"
        from Imunify360
        is version 1.21
    near "HTTP/1.1 200 OK\r\nX-Server: imunify360-webshield/1.21\r\n\r\n"

rule darkstat
    header Server: darkstat(?:/(?<version>[\w.-]+))?[ \r]
    product darkstat
    cpe a:unix4lyfe:darkstat:${version}
    example "HTTP/1.1 200 OK\r\nServer: darkstat/3.0.719\r\nContent-Length: 0\r\n\r\n"
        from darkstat 3.0.719-1+b1
        is version 3.0.719
    near "HTTP/1.1 200 OK\r\nX-Server: darkstat/3.0.719\r\n\r\n"

rule squidguard
    header Server: Footprint Distributor V6[ /\r]
    product Lumen Footprint
    example "HTTP/1.1 200 OK\r\nServer: Footprint Distributor V6\r\nContent-Length: 0\r\n\r\n"
        from Lumen CDN
    near "HTTP/1.1 200 OK\r\nX-Server: Footprint Distributor V6\r\n\r\n"

rule jetty
    header Server: Jetty\((?<version>[\w.-]+)\)
    product Jetty
    cpe a:eclipse:jetty:${version}
    example "HTTP/1.1 200 OK\r\nServer: Jetty(9.4.50.v20221201)\r\nContent-Length: 0\r\n\r\n"
        from jetty9 9.4.50
        is version 9.4.50.v20221201
    near "HTTP/1.1 200 OK\r\nServer: Jetty[9]\r\nContent-Length: 0\r\n\r\n"

rule weblogic
    header Server: WebLogic Server (?<version>[\d.]+)
    product Oracle WebLogic
    cpe a:oracle:weblogic_server:${version}
    example "HTTP/1.1 200 OK\r\nServer: WebLogic Server 10.3.6.0\r\nContent-Length: 0\r\n\r\n"
        from WebLogic 10.3.6
        is version 10.3.6.0
    near "HTTP/1.1 200 OK\r\nServer: WebLogi 1\r\nContent-Length: 0\r\n\r\n"

rule iis
    header Server: Microsoft-IIS/(?<version>[\w.-]+)
    product Microsoft IIS httpd
    os Windows
    cpe a:microsoft:internet_information_services:${version}
    cpe o:microsoft:windows
    example "HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/10.0\r\nContent-Length: 0\r\n\r\n"
        from IIS 10, Windows Server 2019
        is version 10.0
    near "HTTP/1.1 200 OK\r\nServer: Microsoft-ISS/10.0\r\nContent-Length: 0\r\n\r\n"

rule httpapi
    header Server: Microsoft-HTTPAPI/(?<version>[\w.-]+)
    product Microsoft HTTPAPI httpd
    extra http.sys; SSDP, UPnP or WinRM
    os Windows
    cpe o:microsoft:windows
    example "HTTP/1.1 200 OK\r\nServer: Microsoft-HTTPAPI/2.0\r\nContent-Length: 0\r\n\r\n"
        from http.sys, Windows Server 2019
        is version 2.0
    near "HTTP/1.1 200 OK\r\nServer: Microsoft-HTTPAP/2\r\nContent-Length: 0\r\n\r\n"

rule azure-gateway
    header Server: Microsoft-Azure-Application-Gateway/v2
    product Microsoft Azure Application Gateway
    example "HTTP/1.1 200 OK\r\nServer: Microsoft-Azure-Application-Gateway/v2\r\nContent-Length: 0\r\n\r\n"
        from Azure Application Gateway v2
    near "HTTP/1.1 200 OK\r\nServer: Microsoft-Azure-Gateway/v2\r\nContent-Length: 0\r\n\r\n"

rule werkzeug
    header Server: Werkzeug/(?<version>[\w.-]+) Python/(?<python>[\w.]+)
    product Werkzeug httpd
    extra Python ${python}
    cpe a:palletsprojects:werkzeug:${version}
    cpe a:python:python:${python}
    example "HTTP/1.1 200 OK\r\nServer: Werkzeug/2.2.2 Python/3.11.2\r\nContent-Length: 0\r\n\r\n"
        from python3-werkzeug 2.2.2
        is version 2.2.2
        is extra Python 3.11.2
    near "HTTP/1.1 200 OK\r\nServer: Werkzeugs/2 Python/3\r\nContent-Length: 0\r\n\r\n"

rule simplehttp
    header Server: SimpleHTTP/(?<version>[\d.]+) Python/(?<python>[\w.]+)
    product Python SimpleHTTPServer
    extra Python ${python}
    cpe a:python:python:${python}
    example "HTTP/1.1 200 OK\r\nServer: SimpleHTTP/0.6 Python/3.11.2\r\nContent-Length: 0\r\n\r\n"
        from python3 3.11.2, http.server
        is version 0.6
        is extra Python 3.11.2
    near "HTTP/1.1 200 OK\r\nServer: SimpleHTTP/0.6 Perl/5\r\nContent-Length: 0\r\n\r\n"

rule basehttp
    header Server: BaseHTTP/(?<version>[\d.]+) Python/(?<python>[\w.]+)
    product Python BaseHTTPServer
    extra Python ${python}
    cpe a:python:python:${python}
    example "HTTP/1.1 200 OK\r\nServer: BaseHTTP/0.6 Python/3.11.2\r\nContent-Length: 0\r\n\r\n"
        from python3 3.11.2, http.server
        is version 0.6
        is extra Python 3.11.2
    near "HTTP/1.1 200 OK\r\nServer: BaseHTTP/0.6 Perl/5\r\nContent-Length: 0\r\n\r\n"

rule wsgi
    header Server: WSGIServer/(?<version>[\d.]+) C?Python/(?<python>[\w.]+)
    product Python WSGIServer
    extra Python ${python}
    cpe a:python:python:${python}
    example "HTTP/1.1 200 OK\r\nServer: WSGIServer/0.2 CPython/3.11.2\r\nContent-Length: 0\r\n\r\n"
        from python3 3.11.2, wsgiref
        is version 0.2
        is extra Python 3.11.2
    near "HTTP/1.1 200 OK\r\nServer: WSGIServe/0.2 CPython/3\r\nContent-Length: 0\r\n\r\n"

rule aiohttp
    header Server: Python/(?<python>[\w.]+) aiohttp/(?<version>[\w.-]+)
    product aiohttp
    extra Python ${python}
    cpe a:aiohttp:aiohttp:${version}
    example "HTTP/1.1 200 OK\r\nServer: Python/3.11 aiohttp/3.8.4\r\nContent-Length: 0\r\n\r\n"
        from python3-aiohttp 3.8.4
        is version 3.8.4
        is extra Python 3.11
    near "HTTP/1.1 200 OK\r\nServer: Python/3.11 aiohtp/3\r\nContent-Length: 0\r\n\r\n"

rule webrick
    header Server: WEBrick/(?<version>[\d.]+) \(Ruby/(?<ruby>[\d.]+)
    product WEBrick httpd
    extra Ruby ${ruby}
    cpe a:ruby-lang:webrick:${version}
    cpe a:ruby-lang:ruby:${ruby}
    example "HTTP/1.1 200 OK\r\nServer: WEBrick/1.8.1 (Ruby/3.1.2/2022-04-12)\r\nContent-Length: 0\r\n\r\n"
        from ruby-webrick 1.8.1
        is version 1.8.1
        is extra Ruby 3.1.2
    near "HTTP/1.1 200 OK\r\nServer: WEBric/1.8.1 (Ruby/3\r\nContent-Length: 0\r\n\r\n"

rule passenger
    header Server: nginx(?:/(?<nginx>[\d.]+))? \+ Phusion Passenger(?:\(R\))? (?<version>[\d.]+)
    product Phusion Passenger
    extra nginx ${nginx}
    cpe a:phusion:passenger:${version}
    example "HTTP/1.1 200 OK\r\nServer: nginx/1.18.0 + Phusion Passenger(R) 6.0.18\r\nContent-Length: 0\r\n\r\n"
        from Passenger 6.0.18
        is version 6.0.18
        is extra nginx 1.18.0
    near "HTTP/1.1 200 OK\r\nServer: nginx/1.18.0 Phusion 6\r\nContent-Length: 0\r\n\r\n"

rule powerdns
    header Server: PowerDNS/(?<version>[\w.-]+)
    product PowerDNS web server
    cpe a:powerdns:authoritative:${version}
    example "HTTP/1.1 200 OK\r\nServer: PowerDNS/4.7.3\r\nContent-Length: 0\r\n\r\n"
        from pdns-server 4.7.3, webserver
        is version 4.7.3
    near "HTTP/1.1 200 OK\r\nServer: PowerDN/4\r\nContent-Length: 0\r\n\r\n"

rule miniupnpd
    service upnp
    header Server: [^\r\n]*UPnP/1\.
    match MiniUPnPd/(?<version>[\w.-]+)
    product MiniUPnPd
    cpe a:miniupnp_project:miniupnpd:${version}
    example "HTTP/1.1 200 OK\r\nServer: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1\r\n\r\n"
        from miniupnpd 2.3.1
        is version 2.3.1
    near "HTTP/1.1 200 OK\r\nServer: Debian/12 UPnP/1.1 MiniUPnP/2\r\n\r\n"

rule minidlna
    service upnp
    header Server: [^\r\n]*UPnP/1\.
    match MiniDLNA/(?<version>[\w.-]+)
    product MiniDLNA
    cpe a:readymedia_project:readymedia:${version}
    example "HTTP/1.1 200 OK\r\nServer: 6.1.0 DLNADOC/1.50 UPnP/1.0 MiniDLNA/1.3.0\r\n\r\n"
        from minidlna 1.3.0
        is version 1.3.0
    near "HTTP/1.1 200 OK\r\nServer: 6.1.0 DLNADOC/1.50 UPnP/1.0 MiniDNA/1\r\n\r\n"

rule libupnp
    service upnp
    header Server: [^\r\n]*UPnP/1\.
    match Portable SDK for UPnP devices/(?<version>[\w.-]+)
    product Portable SDK for UPnP devices
    cpe a:libupnp_project:libupnp:${version}
    example "HTTP/1.1 200 OK\r\nServer: Linux/4.4, UPnP/1.0, Portable SDK for UPnP devices/1.6.19\r\n\r\n"
        from libupnp 1.6.19
        is version 1.6.19
    near "HTTP/1.1 200 OK\r\nServer: Linux/4.4, UPnP/1.0, SDK for UPnP devices/1\r\n\r\n"

rule intel-sdk
    service upnp
    header Server: [^\r\n]*UPnP/1\.
    match Intel SDK for UPnP devices ?/(?<version>[\w.-]+)
    product Intel SDK for UPnP devices
    example "HTTP/1.1 200 OK\r\nServer: Linux/2.4, UPnP/1.0, Intel SDK for UPnP devices/1.2\r\n\r\n"
        from Linksys WRT54G
        is version 1.2
    near "HTTP/1.1 200 OK\r\nServer: Linux/2.4, UPnP/1.0, Intel for UPnP/1\r\n\r\n"

rule platinum
    service upnp
    header Server: [^\r\n]*UPnP/1\.
    match Platinum/(?<version>[\w.-]+)
    product Platinum UPnP SDK
    example "HTTP/1.1 200 OK\r\nServer: Linux, UPnP/1.0, Platinum/1.0.5.13\r\n\r\n"
        from Kodi 20
        is version 1.0.5.13
    near "HTTP/1.1 200 OK\r\nServer: Linux, UPnP/1.0, Platin/1\r\n\r\n"

rule nextjs
    header X-Powered-By: Next\.js
    product Next.js
    cpe a:vercel:next.js
    example "HTTP/1.1 200 OK\r\nX-Powered-By: Next.js\r\n\r\n"
        from Next.js 13
    near "HTTP/1.1 200 OK\r\nX-Powered-By: Nextjs\r\n\r\n"

rule express
    header X-Powered-By: Express\r\n
    product Node.js Express framework
    cpe a:openjsf:express
    example "HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\n\r\n"
        from Express 4
    near "HTTP/1.1 200 OK\r\nX-Powered-By: Expresso\r\n\r\n"

rule php
    header X-Powered-By: PHP/(?<version>[\w.-]+)
    product PHP
    cpe a:php:php:${version}
    example "HTTP/1.1 200 OK\r\nX-Powered-By: PHP/8.2.7\r\n\r\n"
        from php8.2-cli 8.2.7, built-in server
        is version 8.2.7
    near "HTTP/1.1 200 OK\r\nX-Powered-By: PHPX/8\r\n\r\n"

rule asp-net
    header X-Powered-By: ASP\.NET
    product Microsoft ASP.NET
    os Windows
    cpe a:microsoft:asp.net
    example "HTTP/1.1 200 OK\r\nX-Powered-By: ASP.NET\r\n\r\n"
        from IIS 10, Server header removed
    near "HTTP/1.1 200 OK\r\nX-Powered-By: ASPNET\r\n\r\n"

rule jsf
    header X-Powered-By: JSF/(?<version>[\w.-]+)
    product Java Server Faces
    example "HTTP/1.1 200 OK\r\nX-Powered-By: JSF/2.2\r\n\r\n"
        from Mojarra 2.2
        is version 2.2
    near "HTTP/1.1 200 OK\r\nX-Powered-By: JSX/2\r\n\r\n"

rule squid-via
    service http-proxy
    header Via: 1\.[01] (?<host>[\w.-]+) \(squid/(?<version>[\w.-]+)\)
    product Squid
    cpe a:squid-cache:squid:${version}
    example "HTTP/1.1 403 Forbidden\r\nVia: 1.1 proxy.example.org (squid/5.7)\r\n\r\n"
        from squid 5.7-2+deb12u3
        is version 5.7
        is host proxy.example.org
    near "HTTP/1.1 403 Forbidden\r\nVia: 1.1 proxy.example.org (squit/5.7)\r\n\r\n"

rule varnish
    header X-Varnish: \d+
    product Varnish
    cpe a:varnish-software:varnish_cache
    example "HTTP/1.1 503 Backend fetch failed\r\nServer: x\r\nX-Varnish: 2\r\n\r\n"
        from varnish 7.1.1-1.1
    near "HTTP/1.1 200 OK\r\nX-Tarnish: 2\r\n\r\n"

rule haproxy-503
    match ^HTTP/1\.[01] 503 Service Unavailable\r\n
    match \r\n\r\n<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request\.
    product HAProxy
    cpe a:haproxy:haproxy
    example
        "HTTP/1.0 503 Service Unavailable\r\ncache-control: no-cache\r\ncontent-type:"
        " text/html\r\n\r\n<html><body><h1>503 Service Unavailable</h1>\nNo server is "
        "available to handle this request.\n</body></html>\n"
        from haproxy 2.6.12-1+deb12u2
    near "HTTP/1.0 503 Service Unavailable\r\n\r\nNo server is available\n"

rule haproxy-400
    match ^HTTP/1\.[01] 400 Bad request\r\n
    match \r\n\r\n<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request\.
    product HAProxy
    cpe a:haproxy:haproxy
    example
        "HTTP/1.1 400 Bad request\r\nContent-length: 90\r\nCache-Control: no-cache\r\n\r"
        "\n<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid reque"
        "st.\n</body></html>\n"
        from haproxy 2.6.12-1+deb12u2
    near "HTTP/1.1 400 Bad request\r\n\r\nYour browser sent an invalid request\n"

rule php-cli
    match ^HTTP/1\.0 404 Not Found\r\n
    match \r\n\r\n<!doctype html><html><head><title>404 Not Found</title><style>\nbody \{ background-color: #fcfcfc; color: #333333;
    product PHP built-in server
    cpe a:php:php
    example
        "HTTP/1.0 404 Not Found\r\nDate: Thu, 26 Nov 2026 03:44:22 GMT\r\nConnection:"
        " close\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Length: 533\r\n\r\n<"
        "!doctype html><html><head><title>404 Not Found</title><style>\nbody { bac"
        "kground-color: #fcfcfc; color: #333333; margin: 0; padding:0; }"
        from php8.2-cli 8.2.29, built-in server
    near "HTTP/1.0 404 Not Found\r\n\r\n<!doctype html><html><head><title>404 Not Found</title>"

rule apt-cacher-ng
    match ^HTTP/1\.1 406 Usage Information\r\n
    product Apt-Cacher NG
    cpe a:apt-cacher-ng_project:apt-cacher-ng
    example
        "HTTP/1.1 406 Usage Information\r\nConnection: close\r\nTransfer-Encoding: ch"
        "unked\r\nContent-Type: text/html\r\n\r\n"
        from apt-cacher-ng 3.7.4-1+b2
    near "HTTP/1.1 406 Usage\r\n\r\n"

rule cockpit-400
    match ^HTTP/1\.1 400 Bad request\r\n
    header X-DNS-Prefetch-Control: off\r\n
    header Cross-Origin-Resource-Policy: same-origin\r\n
    product Cockpit
    cpe a:cockpit-project:cockpit
    example
        "HTTP/1.1 400 Bad request\r\nContent-Type: text/html; charset=utf8\r\nTransfe"
        "r-Encoding: chunked\r\nX-DNS-Prefetch-Control: off\r\nReferrer-Policy: no-re"
        "ferrer\r\nX-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: s"
        "ame-origin\r\n\r\n"
        from cockpit-ws 287.1-0+deb12u3, no Host
    near "HTTP/1.1 400 Bad request\r\nX-DNS-Prefetch-Control: off\r\n\r\n"

rule privoxy-400
    service http-proxy
    match ^HTTP/1\.1 400 Invalid header received from client\r\n
    product Privoxy
    cpe a:privoxy:privoxy
    example
        "HTTP/1.1 400 Invalid header received from client\r\nContent-Type: text/pla"
        "in\r\nConnection: close\r\n\r\nInvalid header received from client.\n"
        from privoxy 3.0.34-2+b1
    near "HTTP/1.1 400 Invalid header\r\n\r\n"

rule aria2
    match ^HTTP/1\.1 404 Not Found\r\nDate: [^\r\n]*\r\nContent-Length: 0\r\nExpires: [^\r\n]*\r\nCache-Control: no-cache\r\n
    product aria2 JSON-RPC
    cpe a:aria2_project:aria2
    example
        "HTTP/1.1 404 Not Found\r\nDate: Thu, 26 Nov 2026 03:44:08 GMT\r\nContent-Len"
        "gth: 0\r\nExpires: Thu, 26 Nov 2026 03:44:08 GMT\r\nCache-Control: no-cache\r"
        "\nConnection: close\r\n\r\n"
        from aria2 1.36.0-1, --enable-rpc
    near "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nCache-Control: no-cache\r\n\r\n"

rule tomcat-error
    match <h3>Apache Tomcat/(?<version>[\w.-]+)(?: \(Debian\))?</h3>
    product Apache Tomcat
    cpe a:apache:tomcat:${version}
    example
        "HTTP/1.1 404 \r\nContent-Type: text/html;charset=utf-8\r\n\r\n<!doctype html><"
        "html lang=\"en\"><head><title>HTTP Status 404</title></head><body><hr clas"
        "s=\"line\" /><h3>Apache Tomcat/10.1.6 (Debian)</h3></body></html>"
        from tomcat10 10.1.6-1+deb12u2
        is version 10.1.6
    near "HTTP/1.1 404 \r\n\r\n<h3>Apache Tomcats/10</h3>"

rule uwsgi-error
    match ^HTTP/1\.1 500 Internal Server Error\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nInternal Server Error
    product uWSGI
    cpe a:unbit:uwsgi
    example
        "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Type: tex"
        "t/plain\r\n\r\nInternal Server Error"
        from uwsgi-core 2.0.21, no application
    near "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\nInternal Server Error"

rule envoy-upstream
    header x-envoy-upstream-service-time: 
    product Envoy
    cpe a:envoyproxy:envoy
    example "HTTP/1.1 200 OK\r\nx-envoy-upstream-service-time: 3\r\n\r\n"
        from Envoy 1.28
    near "HTTP/1.1 200 OK\r\nx-envoy: 3\r\n\r\n"

rule any-server
    soft
    header Server: (?<server>[^\r\n]{1,64})
    extra Server: ${server}
    example "HTTP/1.1 200 OK\r\nServer: Some Server 1.0\r\n\r\n"
        from RFC 9110
        is extra Server: Some Server 1.0
    near "HTTP/1.1 200 OK\r\nX-Server: Some\r\n\r\n"

rule any
    soft
    match ^HTTP/1\.[01] \d\d\d[ \r]
    example "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        from RFC 9112
    near "HTTP/2.0 200 OK\r\n\r\n"
