# What is sent to services. Those of one protocol stand in that protocol's file; here
# are the ones that many protocols answer.

# Listens: many servers speak first.
probe NULL tcp
    rarity 1
    wait-ms 5000

# The least that every HTTP server understands; RFC 1945.
probe GetRequest tcp
    send "GET / HTTP/1.0\r\n\r\n"
    ports 80-85 88 591 631 3000 3128 5000 5601 7080 7474 8000-8010 8080-8090 8181 8443 8888 9000 9050 9090 9150 9200 10000
    tls-ports 443 832 981 1311 4443 5001 5986 6443 7443 8443 8834 9443 10250
    rarity 1
    wait-ms 5000
