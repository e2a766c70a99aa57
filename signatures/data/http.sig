# HTTP servers. A rule looks for headers, whatever their order.

section http
    answers GetRequest
    service http
    require ^HTTP/1\.[01] \d\d\d[ \r]

rule nginx
    header Server: nginx(?:/(?<version>[\d.]+))?\r\n
    product nginx
    cpe a:f5:nginx:${version}
    example
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Thu, 26 Nov 2026 02:00:00 GMT\r\n"
        "Content-Type: text/plain\r\nContent-Length: 20\r\nConnection: close\r\n\r\na server of the lab\n"
        from nginx 1.22.1-9+deb12u1
        is version 1.22.1
        is cpe cpe:/a:f5:nginx:1.22.1
    example "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n"
        from nginx with server_tokens off
        is version
        is cpe cpe:/a:f5:nginx
    near "HTTP/1.1 200 OK\r\nServer: nginx-proxy\r\n\r\n"

rule any
    soft
    match ^HTTP/1\.[01] \d\d\d[ \r]
    example "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        from RFC 9112
    near "HTTP/2.0 200 OK\r\n\r\n"
