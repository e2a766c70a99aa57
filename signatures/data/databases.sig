# Databases, caches and message brokers.

# PostgreSQL: SSLRequest. One letter answers: S or N.
probe PgSsl tcp
    send "\0\0\0\x08\x04\xd2\x16/"
    ports 5432 5433 6432 26257
    rarity 4
    fallback NULL GetRequest

# PostgreSQL: a protocol version that no server has; the refusal tells which it has.
probe PgVersion tcp
    send "\0\0\0\x08\0\xff\0\xff"
    ports 5432 5433 6432 26257
    rarity 5
    fallback NULL GetRequest

# Redis: INFO.
probe RedisInfo tcp
    send "*1\r\n$4\r\nINFO\r\n"
    ports 6379 6380 16379 26379
    tls-ports 6380
    rarity 3
    fallback NULL GetRequest

# Memcached; Gearman answers it as well.
probe MemcachedVersion tcp
    send "version\r\n"
    ports 11211 11212
    rarity 4
    fallback NULL GetRequest

# MongoDB: OP_MSG { buildInfo: 1, $db: "admin" }.
probe MongoBuildInfo tcp
    send "8\0\0\0itrp\0\0\0\0\xdd\x07\0\0\0\0\0\0\0#\0\0\0\x10buildInfo\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0"
    ports 27017-27019
    rarity 4
    fallback NULL GetRequest

# MongoDB before 3.6: OP_QUERY { isMaster: 1 } on admin.$cmd.
probe MongoIsMaster tcp
    send ":\0\0\0ptrp\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff\x13\0\0\0\x10isMaster\0\x01\0\0\0\0"
    ports 27017-27019
    rarity 6
    fallback NULL GetRequest

# CQL binary protocol 4: OPTIONS.
probe CassandraOptions tcp
    send "\x04\0\0\0\x05\0\0\0\0"
    ports 9042
    tls-ports 9142
    rarity 6
    fallback NULL GetRequest

# Microsoft SQL Server: PRELOGIN, MS-TDS 2.2.6.5.
probe TdsPrelogin tcp
    send "\x12\x01\0/\0\0\0\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\x04\x04\0&\0\x01\xff\x11\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 1433 1434
    rarity 4
    fallback NULL GetRequest

# Oracle TNS: CONNECT with COMMAND=version.
probe TnsVersion tcp
    send "\0Z\0\0\x01\0\0\0\x016\x01,\0\0\x08\0\x7f\xff\x7f\x08\0\0\0\x01\0 \0:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0(C"
        "ONNECT_DATA=(COMMAND=version))"
    ports 1521-1526 1541
    rarity 5
    fallback NULL GetRequest

# ZooKeeper: four letters.
probe ZkSrvr tcp
    send "srvr"
    ports 2181 2182
    rarity 6
    fallback NULL GetRequest

# Kafka: ApiVersions version 0, correlation 1.
probe KafkaApiVersions tcp
    send "\0\0\0\x0f\0\x12\0\0\0\0\0\x01\0\x05prtip"
    ports 9092 9093
    tls-ports 9093
    rarity 6
    fallback NULL GetRequest

# MQTT 3.1.1: CONNECT, clean session, and SUBSCRIBE to $SYS/broker/version, which need not
# wait for the answer (section 3.1.4).
probe MqttConnect tcp
    send "\x10\x11\0\x04MQTT\x04\x02\0\x1e\0\x05prtip\x82\x18\0\x01\0\x13$SYS/broker/version\0"
    ports 1883
    tls-ports 8883
    rarity 4
    fallback NULL GetRequest

# AMQP 0-9-1: the protocol header.
probe AmqpHeader tcp
    send "AMQP\0\0\t\x01"
    ports 5672
    tls-ports 5671
    rarity 4
    fallback NULL GetRequest

# STOMP 1.2: CONNECT.
probe StompConnect tcp
    send "CONNECT\naccept-version:1.0,1.1,1.2\nhost:prtip\n\n\0"
    ports 61613 61612
    tls-ports 61614
    rarity 6
    fallback NULL GetRequest

probe BeanstalkStats tcp
    send "stats\r\n"
    ports 11300
    rarity 8
    fallback NULL GetRequest

probe GearmanVersion tcp
    send "version\n"
    ports 4730
    rarity 8
    fallback NULL GetRequest

# Neo4j Bolt: magic, four versions.
probe BoltHandshake tcp
    send "``\xb0\x17\0\0\x04\x04\0\0\0\x04\0\0\0\x03\0\0\0\0"
    ports 7687
    rarity 8
    fallback NULL GetRequest

# RethinkDB: V1_0 magic.
probe RethinkHandshake tcp
    send "\xc3\xbd\xc24"
    ports 28015
    rarity 9
    fallback NULL GetRequest

# Aerospike: info protocol, "build".
probe AerospikeInfo tcp
    send "\x02\x01\0\0\0\0\0\x06build\n"
    ports 3000
    rarity 9
    fallback NULL GetRequest

section mysql
    answers NULL
    service mysql

rule mariadb
    match ^(?s:...)\x00\x0a5\.5\.5-(?<version>[\d.]+)-MariaDB(?:-(?<package>[\w.+~:-]+))?
    product MariaDB
    extra ${package}
    cpe a:mariadb:mariadb:${version}
    example
        "d\0\0\0\n5.5.5-10.11.14-MariaDB-0+deb12u2\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abc"
        "defghijkl\0mysql_native_password\0"
        from mariadb-server 1:10.11.14-0+deb12u2
        is version 10.11.14
        is extra 0+deb12u2
    near
        "Z\0\0\0\n5.5.5-10.11.14-MariaDC\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0"
        "mysql_native_password\0"

rule mariadb-11
    match ^(?s:...)\x00\x0a(?<version>[\d.]+)-MariaDB(?:-(?<package>[\w.+~:-]+))?
    product MariaDB
    extra ${package}
    cpe a:mariadb:mariadb:${version}
    example
        "Z\0\0\0\n11.4.2-MariaDB-ubu2404\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0"
        "mysql_native_password\0"
        from MariaDB 11.4.2, official image
        is version 11.4.2
        is extra ubu2404
    near "R\0\0\0\n11.4.2-MariaDC\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0"

rule tidb
    match ^(?s:...)\x00\x0a[\d.]+-TiDB-v(?<version>[\d.]+)
    product TiDB
    cpe a:pingcap:tidb:${version}
    example "V\0\0\0\n5.7.25-TiDB-v7.1.2\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0"
        from TiDB 7.1.2
        is version 7.1.2
    near "R\0\0\0\n5.7.25-TiBD-v7\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0"

rule mysql-ubuntu
    match ^(?s:...)\x00\x0a(?<version>[\d.]+)-0ubuntu(?<package>[\w.+~-]+)
    product MySQL
    extra Ubuntu ${package}
    os Linux
    cpe a:oracle:mysql:${version}
    cpe o:canonical:ubuntu_linux
    example
        "[\0\0\0\n8.0.35-0ubuntu0.22.04.1\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl"
        "\0mysql_native_password\0"
        from Ubuntu 22.04, mysql-server 8.0.35
        is version 8.0.35
        is extra Ubuntu 0.22.04.1
    near "R\0\0\0\n8.0.35-0debian\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0"

rule percona
    match ^(?s:...)\x00\x0a(?<version>[\d.]+)-(?<build>\d[\w.-]*)\x00
    product Percona Server
    extra ${build}
    cpe a:percona:percona_server:${version}
    example "M\0\0\0\n8.0.34-26\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0"
        from Percona Server 8.0.34-26
        is version 8.0.34
        is extra 26
    near "N\0\0\0\n8.0.34-log\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0"

rule mysql
    match ^(?s:...)\x00\x0a(?<version>[3-9]\.[\w.]+)[\x00-]
    product MySQL
    cpe a:oracle:mysql:${version}
    example "J\0\0\0\n8.0.35\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0"
        from MySQL 8.0.35
        is version 8.0.35
    near "K\0\0\0\n11.0.35\0\x08\0\0\0abcdefgh\0\xfe\xf7-\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0"

rule mariadb-refused
    match ^(?s:...)\x00\xffj\x04Host '[^'\r\n]*' is not allowed to connect to this MariaDB server
    product MariaDB
    extra address refused
    cpe a:mariadb:mariadb
    example "D\0\0\0\xffj\x04Host '192.0.2.7' is not allowed to connect to this MariaDB server"
        from mariadb-server 10.11, no user for the host
    near "-\0\0\0\xffj\x04Host '192.0.2.7' is not allowed to connect"

rule mysql-refused
    match ^(?s:...)\x00\xffj\x04(?:#HY000)?Host '[^'\r\n]*' is not allowed to connect to this MySQL server
    product MySQL
    extra address refused
    cpe a:oracle:mysql
    example "B\0\0\0\xffj\x04Host '192.0.2.7' is not allowed to connect to this MySQL server"
        from MySQL 8.0, no user for the host
    near "\x16\0\0\0\xffj\x04Host is not allowed"

rule blocked
    match ^(?s:...)\x00\xffi\x04(?:#HY000)?Host '[^'\r\n]*' is blocked because of many connection errors
    product MySQL or MariaDB
    extra address blocked
    example
        "g\0\0\0\xffi\x04Host '192.0.2.7' is blocked because of many connection errors; un"
        "block with 'mysqladmin flush-hosts'"
        from MySQL 5.7, max_connect_errors reached
    near "\n\0\0\0\xffi\x04blocked"

rule too-many
    match ^(?s:...)\x00\xff\x10\x04(?:#08004)?Too many connections
    product MySQL or MariaDB
    extra too many connections
    example "\x17\0\0\0\xff\x10\x04Too many connections"
        from MySQL 5.7, max_connections reached
    near "\x17\0\0\0\xff\x11\x04Too many connections"

rule mysqlx
    service mysqlx
    match ^\x05\x00\x00\x00\x0b\x08\x05\x1a\x00
    product MySQL X Protocol
    cpe a:oracle:mysql
    example "\x05\0\0\0\x0b\x08\x05\x1a\0"
        from MySQL 8.0, X Protocol notice
    near "\x05\0\0\0\x0b\x08\x05\x1b\0"

section postgresql
    answers PgSsl PgVersion
    service postgresql

rule line-2222
    match ^E\x00\x00\x00
    match server supports 3\.0 to 3\.0\x00Fpostmaster\.c\x00L2222\x00
    product PostgreSQL DB
    version 15
    cpe a:postgresql:postgresql:15
    example
        "E\0\0\0\x87SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 255.255: server"
        " supports 3.0 to 3.0\0Fpostmaster.c\0L2222\0RProcessStartupPacket\0\0"
        from postgresql-15 
    near
        "E\0\0\0qSFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 255.255: server"
        " supports 3.0 to 3.0\0Fpostmaster.c\0L2223\0\0"

rule protocol-9.6
    match ^E\x00\x00\x00
    match VFATAL\x00
    match Munsupported frontend protocol \d+\.\d+: server supports
    product PostgreSQL DB
    version 9.6 or later
    cpe a:postgresql:postgresql
    example
        "E\0\0\0\x87SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 255.255: server"
        " supports 3.0 to 3.0\0Fpostmaster.c\0L2195\0RProcessStartupPacket\0\0"
        from postgresql 15.14-0+deb12u1
    near "E\0\0\0VSFATAL\0C0A000\0Munsupported frontend protocol 255.255: server supports 1.0 to 3.0\0\0"

rule protocol
    match ^E\x00\x00\x00
    match Munsupported frontend protocol \d+\.\d+: server supports
    product PostgreSQL DB
    extra before 9.6
    cpe a:postgresql:postgresql
    example
        "E\0\0\0dSFATAL\0C0A000\0Munsupported frontend protocol 255.255: server suppor"
        "ts 1.0 to 3.0\0Fpostmaster.c\0\0"
        from PostgreSQL 9.4
    near "E\0\0\0\x1fSFATAL\0Mfrontend protocol\0\0"

rule pgbouncer
    match ^E\x00\x00\x00.SERROR\x00C08P01\x00M(?:unsupported protocol|bad packet|old V2 protocol)
    product PgBouncer
    cpe a:pgbouncer:pgbouncer
    example "E\0\0\0\x1fSERROR\0C08P01\0Mbad packet\0\0"
        from PgBouncer 1.18
    near "E\0\0\0\x18SERROR\0C08P02\0Mbad\0\0"

rule cockroach
    match ^E\x00\x00\x00.SERROR\x00C\w+\x00Munknown protocol version \d+
    product CockroachDB
    cpe a:cockroachlabs:cockroachdb
    example "E\0\0\06SERROR\0C08P01\0Munknown protocol version 16711935\0\0"
        from CockroachDB 23
    near "E\0\0\0\x1cSERROR\0C08P01\0Munknown\0\0"

rule error
    soft
    match ^E\x00\x00\x00.S(?:FATAL|ERROR|FEHLER)\x00
    example "E\0\0\0\x16SFATAL\0C28000\0Mx\0\0"
        from PostgreSQL frontend/backend protocol, ErrorResponse
    near "E\0\0\0\x12SWARN\0C28000\0\0"

rule ssl
    soft
    match ^[SN]\z
    example "N"
        from PostgreSQL frontend/backend protocol, SSLRequest
    near "NO"

section redis
    answers RedisInfo
    service redis

rule valkey
    match \r\nvalkey_version:(?<version>[\w.]+)
    product Valkey
    cpe a:lfprojects:valkey:${version}
    example "$73\r\n# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n\r\n"
        from Valkey 8.0.1
        is version 8.0.1
    near "$41\r\n# Server\r\nredis_version:7.2.4\r\nvalkey:8\r\n\r\n"

rule dragonfly
    match \r\ndragonfly_version:df-(?<version>[\w.]+)
    product Dragonfly
    cpe a:dragonflydb:dragonfly
    example "$61\r\n# Server\r\nredis_version:7.4.0\r\ndragonfly_version:df-v1.25.0\r\n\r\n"
        from Dragonfly 1.25.0
        is version v1.25.0
    near "$48\r\n# Server\r\nredis_version:7.4.0\r\ndragonfly:df-v1\r\n\r\n"

rule sentinel
    service redis-sentinel
    match \nredis_version:(?<version>[\w.]+)
    match \r\nredis_mode:sentinel\r\n
    product Redis Sentinel
    cpe a:redis:redis:${version}
    example "$69\r\n# Server\r\nredis_version:7.0.15\r\nredis_mode:sentinel\r\ntcp_port:26379\r\n\r\n"
        from redis-sentinel 7.0.15
        is version 7.0.15
    near "$51\r\n# Server\r\nredis_version:7.0.15\r\nredis_mode:sentry\r\n\r\n"

rule redis
    match \nredis_version:(?<version>[\w.]+)
    product Redis key-value store
    cpe a:redis:redis:${version}
    example
        "$104\r\n# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\nredis_mod"
        "e:standalone\r\nos:Linux 6.18.0 x86_64\r\n\r\n"
        from redis-server 5:7.0.15-1~deb12u5
        is version 7.0.15
    near "$31\r\n# Server\r\nredis_versio:7.0.15\r\n\r\n"

rule noauth
    match ^-NOAUTH Authentication required\.
    product Redis key-value store
    extra password wanted
    cpe a:redis:redis
    example "-NOAUTH Authentication required.\r\n"
        from redis-server 7.0.15, requirepass
    near "-NOAUTH required\r\n"

rule denied
    match ^-DENIED Redis is running in protected mode
    product Redis key-value store
    extra protected mode
    cpe a:redis:redis
    example
        "-DENIED Redis is running in protected mode because protected mode is ena"
        "bled and no password is set for the default user.\r\n"
        from redis-server 7.0.15, protected mode
    near "-DENIED\r\n"

rule error
    soft
    match ^-ERR (?:operation not permitted|wrong number of arguments for 'get' command|unknown command)
    example "-ERR operation not permitted\r\n"
        from Redis 2.4, requirepass
    near "-ERR no\r\n"

section memcached
    answers MemcachedVersion
    service memcached

rule memcached
    match ^VERSION (?<version>\d[\w.-]*)\r\n
    product Memcached
    cpe a:memcached:memcached:${version}
    example "VERSION 1.6.18\r\n"
        from memcached 1.6.18-1
        is version 1.6.18
    near "VERSION unknown\r\n"

rule error
    soft
    match ^(?:ERROR|CLIENT_ERROR [^\r\n]*)\r\n\z
    example "ERROR\r\n"
        from memcached protocol.txt
    near "ERROR 1\r\n"

section mongodb
    answers MongoBuildInfo MongoIsMaster
    service mongodb

rule build-info
    match \x02version\x00(?s:....)(?<version>\d[\w.-]*)\x00
    product MongoDB
    cpe a:mongodb:mongodb:${version}
    example
        "f\0\0\0\x07\0\0\0itrp\xdd\x07\0\0\0\0\0\0\0Q\0\0\0\x02version\0\x06\0\0\07.0.2\0\x02gitVersion\0)\0\0\002b3c655e130"
        "2209ef046da6ba3ef6749dd0b62a\0\0"
        from MongoDB 7.0.2
        is version 7.0.2
    near ",\0\0\0\x07\0\0\0itrp\xdd\x07\0\0\0\0\0\0\0\x17\0\0\0\x02versio\0\x06\0\0\07.0.2\0\0"

rule is-master
    match \x08ismaster\x00[\x00\x01]
    product MongoDB
    cpe a:mongodb:mongodb
    example "d\0\0\0\x07\0\0\0ptrp\x01\0\0\0'\0\0\0\x08ismaster\0\x01\x10maxBsonObjectSize\0\0\0\0\x01\0"
        from MongoDB 3.4
    near "d\0\0\0\x07\0\0\0ptrp\x01\0\0\0\x0e\0\0\0\x08ismast\0\x01\0"

rule error
    soft
    match \x02errmsg\x00
    example "P\0\0\0\x07\0\0\0itrp\xdd\x07\0\0\0\0\0\0\0;\0\0\0\x02errmsg\0*\0\0\0command buildInfo requires authentication\0\0"
        from MongoDB 4.4
    near "'\0\0\0\x07\0\0\0itrp\xdd\x07\0\0\0\0\0\0\0\x12\0\0\0\x02ermsg\0\x02\0\0\0x\0\0"

section cassandra
    answers CassandraOptions
    service cassandra

rule options
    match \x00\x0bCQL_VERSION\x00\x01\x00.(?<cql>[\d.]+)
    product Apache Cassandra
    extra CQL ${cql}
    cpe a:apache:cassandra
    example "\x84\0\0\0\x06\0\0\0U\0\x03\0\x11PROTOCOL_VERSIONS\0\x01\0\x043/v3\0\x0bCOMPRESSION\0\x02\0\x06snappy\0\x03lz4\0\x0bCQL_VERSION\0\x01\0\x053.4.5"
        from Apache Cassandra 4.0; native protocol v4
        is extra CQL 3.4.5
    near "\x84\0\0\0\x06\0\0\0\x05\0\x03\0\x0bCQL_VERSIO"

rule scylla
    match SCYLLA_SHARD_ALGORITHM
    product ScyllaDB
    cpe a:scylladb:scylla
    example "\x84\0\0\0\x06\0\0\0U\0\x03\0\x16SCYLLA_SHARD_ALGORITHM\0\x01\0\x01x"
        from ScyllaDB 5
    near "\x84\0\0\0\x06SCYLLA_SHARD"

section ms-sql
    answers TdsPrelogin
    service ms-sql-s

rule 2022
    match ^\x04\x01\x00(?s:.....)\x00\x00\x1a\x00\x06(?s:.{20})\xff\x10(?<minor>[\x00-\xff])(?<build>[\x00-\xff]{2})
    product Microsoft SQL Server 2022
    version 16.${minor|big-endian}.${build|big-endian}
    cpe a:microsoft:sql_server:2022
    example "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\x10\0\x03\xe8\0\0\x02\0\0"
        from MS-TDS 2.2.6.5; SQL Server 2022
        is version 16.0.1000
    near "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\t\0\x03\xe8\0\0\x02\0\0"

rule 2019
    match ^\x04\x01\x00(?s:.....)\x00\x00\x1a\x00\x06(?s:.{20})\xff\x0f(?<minor>[\x00-\xff])(?<build>[\x00-\xff]{2})
    product Microsoft SQL Server 2019
    version 15.${minor|big-endian}.${build|big-endian}
    cpe a:microsoft:sql_server:2019
    example "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\x0f\0\x07\xd0\0\0\x02\0\0"
        from MS-TDS 2.2.6.5; SQL Server 2019
        is version 15.0.2000
    near "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\t\0\x07\xd0\0\0\x02\0\0"

rule 2017
    match ^\x04\x01\x00(?s:.....)\x00\x00\x1a\x00\x06(?s:.{20})\xff\x0e(?<minor>[\x00-\xff])(?<build>[\x00-\xff]{2})
    product Microsoft SQL Server 2017
    version 14.${minor|big-endian}.${build|big-endian}
    cpe a:microsoft:sql_server:2017
    example "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\x0e\0\x03\xe8\0\0\x02\0\0"
        from MS-TDS 2.2.6.5; SQL Server 2017
        is version 14.0.1000
    near "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\t\0\x03\xe8\0\0\x02\0\0"

rule 2016
    match ^\x04\x01\x00(?s:.....)\x00\x00\x1a\x00\x06(?s:.{20})\xff\x0d(?<minor>[\x00-\xff])(?<build>[\x00-\xff]{2})
    product Microsoft SQL Server 2016
    version 13.${minor|big-endian}.${build|big-endian}
    os Windows
    cpe a:microsoft:sql_server:2016
    example "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\r\0\x06A\0\0\x02\0\0"
        from MS-TDS 2.2.6.5; SQL Server 2016
        is version 13.0.1601
    near "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\t\0\x06A\0\0\x02\0\0"

rule 2014
    match ^\x04\x01\x00(?s:.....)\x00\x00\x1a\x00\x06(?s:.{20})\xff\x0c(?<minor>[\x00-\xff])(?<build>[\x00-\xff]{2})
    product Microsoft SQL Server 2014
    version 12.${minor|big-endian}.${build|big-endian}
    os Windows
    cpe a:microsoft:sql_server:2014
    example "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\x0c\0\x07\xd0\0\0\x02\0\0"
        from MS-TDS 2.2.6.5; SQL Server 2014
        is version 12.0.2000
    near "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\t\0\x07\xd0\0\0\x02\0\0"

rule 2012
    match ^\x04\x01\x00(?s:.....)\x00\x00\x1a\x00\x06(?s:.{20})\xff\x0b(?<minor>[\x00-\xff])(?<build>[\x00-\xff]{2})
    product Microsoft SQL Server 2012
    version 11.${minor|big-endian}.${build|big-endian}
    os Windows
    cpe a:microsoft:sql_server:2012
    example "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\x0b\0\x084\0\0\x02\0\0"
        from MS-TDS 2.2.6.5; SQL Server 2012
        is version 11.0.2100
    near "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\t\0\x084\0\0\x02\0\0"

rule 2008-r2
    match ^\x04\x01\x00(?s:.....)\x00\x00\x1a\x00\x06(?s:.{20})\xff\x0a\x32(?<build>[\x00-\xff]{2})
    product Microsoft SQL Server 2008 R2
    version 10.50.${build|big-endian}
    os Windows
    cpe a:microsoft:sql_server:2008
    example "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\n2\x17p\0\0\x02\0\0"
        from MS-TDS 2.2.6.5; SQL Server 2008 R2
        is version 10.50.6000
    near "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\n3\x17p\0\0\x02\0\0"

rule any
    soft
    match ^\x04\x01\x00(?s:.....)\x00\x00(?s:.)\x00\x06
    example "\x04\x01\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\t\0\x0f\xa0\0\0\x02\0\0"
        from MS-TDS 2.2.6.5
    near "\x04\x02\0+\0\0\x01\0\0\0\x1a\0\x06\x01\0 \0\x01\x02\0!\0\x01\x03\0\"\0\0\x04\0\"\0\x01\xff\t\0\x0f\xa0\0\0\x02\0\0"

section oracle
    answers TnsVersion
    service oracle-tns

rule listener
    match TNSLSNR for (?<os>[^:\r\n]+): Version (?<version>[\d.]+)
    product Oracle TNS listener
    cpe a:oracle:database_server:${version}
    example "\0=\0\0\x06\0\0\0\0\0TNSLSNR for Linux: Version 11.2.0.4.0 - Production\n"
        from Oracle Database 11.2.0.4 listener
        is version 11.2.0.4.0
        is os Linux
    near "\0#\0\0\x06\0\0\0\0\0TNSLSNR for Linux: Versio"

rule refused
    match \(DESCRIPTION=\(TMP=\)\(VSNNUM=(?<number>\d+)\)\(ERR=\d+\)
    product Oracle TNS listener
    extra VSNNUM ${number}
    cpe a:oracle:database_server
    example
        "\0e\0\0\x04\0\0\0\"\0\0Y(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=1189)(ERROR_STACK="
        "(ERROR=(CODE=1189)(EMFI=4))))"
        from Oracle Database 19 listener
        is extra VSNNUM 318767104
    near "\0&\0\0\x04\0\0\0(DESCRIPTION=(TMP=)(ERR=1189))"

rule any
    soft
    match ^\x00.\x00\x00[\x04\x06\x0b]\x00\x00\x00
    example "\0\x08\0\0\x0b\0\0\0"
        from Oracle Net, RESEND packet
    near "\0\x08\0\0\x01\0\0\0"

section zookeeper
    answers ZkSrvr
    service zookeeper

rule srvr
    match ^Zookeeper version: (?<version>[\d.]+)
    product Apache ZooKeeper
    cpe a:apache:zookeeper:${version}
    example
        "Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built"
        " on 2022-02-25 08:49 UTC\n"
        from zookeeperd 3.8.0
        is version 3.8.0
    near "Zookeper version: 3\n"

rule whitelist
    match ^srvr is not executed because it is not in the whitelist\.
    product Apache ZooKeeper
    extra commands not allowed
    cpe a:apache:zookeeper
    example "srvr is not executed because it is not in the whitelist.\n"
        from Apache ZooKeeper 3.5, 4lw.commands.whitelist
    near "srvr is not executed\n"

section kafka
    answers KafkaApiVersions
    service kafka

rule api-versions
    match ^\x00\x00(?s:..)\x00\x00\x00\x01\x00\x00\x00\x00\x00(?s:.)\x00\x00\x00\x00\x00
    product Apache Kafka
    cpe a:apache:kafka
    example "\0\0\0\x10\0\0\0\x01\0\0\0\0\0\x01\0\0\0\0\0\t"
        from Apache Kafka protocol, ApiVersions v0
    near "\0\0\0\x10\0\0\0\x02\0\0\0\0\0\x01\0\0\0\0\0\t"

section mqtt
    answers MqttConnect
    service mqtt

rule mosquitto
    match ^\x20\x02\x00\x00
    match \x00\x13\$SYS/broker/versionmosquitto version (?<version>\d[\w.]*)
    product Mosquitto
    cpe a:eclipse:mosquitto:${version}
    example " \x02\0\0\x90\x03\0\x01\01-\0\x13$SYS/broker/versionmosquitto version 2.0.11"
        from mosquitto 2.0.11-1.2+deb12u2
        is version 2.0.11
    near " \x02\0\0\x90\x03\0\x01\x80"

rule connack-0
    match ^\x20\x02[\x00\x01]\x00
    extra connection accepted
    example " \x02\0\0"
        from MQTT 3.1.1 section 3.2, mosquitto 2.0.11
    near " \x02\0\x01"

rule connack-1
    match ^\x20\x02[\x00\x01]\x01
    extra protocol version refused
    example " \x02\0\x01"
        from MQTT 3.1.1 section 3.2
    near " \x02\0\x02"

rule connack-2
    match ^\x20\x02[\x00\x01]\x02
    extra identifier refused
    example " \x02\0\x02"
        from MQTT 3.1.1 section 3.2
    near " \x02\0\x03"

rule connack-3
    match ^\x20\x02[\x00\x01]\x03
    extra unavailable
    example " \x02\0\x03"
        from MQTT 3.1.1 section 3.2
    near " \x02\0\x04"

rule connack-4
    match ^\x20\x02[\x00\x01]\x04
    extra bad user name or password
    example " \x02\0\x04"
        from MQTT 3.1.1 section 3.2
    near " \x02\0\x05"

rule connack-5
    match ^\x20\x02[\x00\x01]\x05
    extra not authorised
    example " \x02\0\x05"
        from MQTT 3.1.1 section 3.2, mosquitto 2.0.11
    near " \x02\0\x06"

section amqp
    answers AmqpHeader NULL
    service amqp

rule rabbitmq
    match ^\x01\x00\x00(?s:....)\x00\x0a\x00\x0a
    match \x07productS\x00\x00\x00\x08RabbitMQ
    match \x07versionS(?s:....)(?<version>\d[\w.-]*)
    product RabbitMQ
    cpe a:vmware:rabbitmq:${version}
    example "\x01\0\0\0\0\0M\0\n\0\n\0\t\0\0\0(\x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x063.10.8\0\0\0\x0ePLAIN AMQPLAIN\0\0\0\x05en_US\xce"
        from rabbitmq-server 3.10.8-1.1+deb12u1
        is version 3.10.8
    near "\x01\0\0\0\0\0M\0\n\0\n\0\t\0\0\0(\x07productS\0\0\0\x08RabbitMR\x07versionS\0\0\0\x063.10.8\0\0\0\x0ePLAIN AMQPLAIN\0\0\0\x05en_US\xce"

rule qpid
    match ^\x01\x00\x00(?s:....)\x00\x0a\x00\x0a
    match \x07productS\x00\x00\x00.qpid
    product Apache Qpid
    cpe a:apache:qpid
    example "\x01\0\0\0\0\0G\0\n\0\n\0\t\0\0\0\"\x07productS\0\0\0\x04qpid\x07versionS\0\0\0\x040.30\0\0\0\x0ePLAIN AMQPLAIN\0\0\0\x05en_US\xce"
        from Apache Qpid 0.30
    near "\x01\0\0\0\0\0G\0\n\0\n\0\t\0\0\0\"\x07productS\0\0\0\x04quid\x07versionS\0\0\0\x040.30\0\0\0\x0ePLAIN AMQPLAIN\0\0\0\x05en_US\xce"

rule start
    soft
    match ^\x01\x00\x00(?s:....)\x00\x0a\x00\x0a
    example "\x01\0\0\0\0\0E\0\n\0\n\0\t\0\0\0 \x07productS\0\0\0\x05other\x07versionS\0\0\0\x011\0\0\0\x0ePLAIN AMQPLAIN\0\0\0\x05en_US\xce"
        from AMQP 0-9-1, connection.start
    near "\x02\0\0\0\0\0E\0\n\0\n\0\t\0\0\0 \x07productS\0\0\0\x05other\x07versionS\0\0\0\x011\0\0\0\x0ePLAIN AMQPLAIN\0\0\0\x05en_US\xce"

rule amqp-1.0
    match ^AMQP[\x00\x02\x03]\x01\x00\x00
    extra AMQP 1.0
    example "AMQP\x03\x01\0\0"
        from AMQP 1.0 section 2.2; Azure Service Bus
    near "AMQP\x04\x01\0\0"

rule amqp-0
    soft
    match ^AMQP\x00\x00\x09\x01
    example "AMQP\0\0\t\x01"
        from AMQP 0-9-1 section 4.2.2, version refused
    near "AMQP\0\0\t\x02"

section nats
    answers NULL
    service nats

rule nats
    match ^INFO \{"server_id":"
    match "version":"(?<version>\d[\w.-]*)"
    product NATS
    cpe a:linuxfoundation:nats-server:${version}
    example
        "INFO {\"server_id\":\"NDK2\",\"server_name\":\"NDK2\",\"version\":\"2.9.10\",\"proto\""
        ":1,\"go\":\"go1.19.8\",\"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,\"max_pa"
        "yload\":1048576,\"client_id\":4} \r\n"
        from nats-server 2.9.10-1+b3
        is version 2.9.10
    near "INFO {\"server\":\"NDK2\",\"version\":\"2.9.10\"}\r\n"

section stomp
    answers StompConnect
    service stomp

rule rabbitmq
    match ^CONNECTED\n
    match \nserver:RabbitMQ/(?<version>[\w.]+)
    product RabbitMQ STOMP
    cpe a:vmware:rabbitmq:${version}
    example "CONNECTED\nserver:RabbitMQ/3.10.8\nsession:session-x\nversion:1.2\n\n\0"
        from rabbitmq-server 3.10.8, stomp plugin
        is version 3.10.8
    near "CONNECTED\nserver:Rabbit/3\n\n\0"

# What it says to strangers, who are refused where nothing else is configured.
rule rabbitmq-refused
    match ^ERROR\nmessage:Bad CONNECT\n
    match \n\n(?:Virtual host '[^']{0,64}'|non-loopback) access denied\x00
    product RabbitMQ STOMP
    cpe a:vmware:rabbitmq
    example
        "ERROR\nmessage:Bad CONNECT\ncontent-type:text/plain\nversion:1.0,1.1,1.2\ncont"
        "ent-length:34\n\nVirtual host 'prtip' access denied\0\n"
        from rabbitmq-server 3.10.8-1.1+deb12u1, stomp plugin
    near "ERROR\nmessage:Bad CONNECT\n\naccess denied\0"

rule activemq
    match ^CONNECTED\n
    match \nserver:ActiveMQ/(?<version>[\w.]+)
    product Apache ActiveMQ STOMP
    cpe a:apache:activemq:${version}
    example "CONNECTED\nserver:ActiveMQ/5.17.2\nversion:1.2\n\n\0"
        from activemq 5.17.2
        is version 5.17.2
    near "CONNECTED\nserver:Active/5\n\n\0"

rule artemis
    match ^CONNECTED\n
    match \nserver:ActiveMQ-Artemis/(?<version>[\w.]+)
    product Apache ActiveMQ Artemis STOMP
    cpe a:apache:activemq_artemis:${version}
    example "CONNECTED\nversion:1.2\nserver:ActiveMQ-Artemis/2.31.0 ActiveMQ Artemis Messaging Engine\n\n\0"
        from ActiveMQ Artemis 2.31.0
        is version 2.31.0
    near "CONNECTED\nserver:Artemis/2\n\n\0"

rule any
    soft
    match ^(?:CONNECTED|ERROR)\n
    example "ERROR\nmessage:Bad CONNECT\n\n\0"
        from STOMP 1.2
    near "ERRORS\n"

section activemq
    answers NULL
    service openwire

rule openwire
    match ^\x00\x00(?s:..)\x01ActiveMQ\x00\x00\x00
    product Apache ActiveMQ OpenWire
    cpe a:apache:activemq
    example "\0\0\x01@\x01ActiveMQ\0\0\0\x0c\x01\0\0\x01.\0\0\0\x0e\0"
        from activemq 5.17.2, WireFormatInfo
    near "\0\0\x01@\x01ActiveMR\0\0\0\x0c"

section beanstalk-error
    answers GetRequest
    service beanstalk

# A line that is no command; both lines of a request are none.
rule unknown-command
    soft
    match ^UNKNOWN_COMMAND\r\nUNKNOWN_COMMAND\r\n\z
    product Beanstalk
    cpe a:beanstalkd_project:beanstalkd
    example "UNKNOWN_COMMAND\r\nUNKNOWN_COMMAND\r\n"
        from beanstalkd 1.12-1.1, asked for a page
    near "UNKNOWN_COMMAND\r\n"

section beanstalk
    answers BeanstalkStats
    service beanstalk

rule stats
    match ^OK \d+\r\n---\n
    match \nversion: "?(?<version>\d[\w.]*)
    product Beanstalk
    cpe a:beanstalkd_project:beanstalkd:${version}
    example "OK 60\r\n---\ncurrent-jobs-urgent: 0\ntotal-connections: 1\nversion: \"1.12\"\n\r\n"
        from beanstalkd 1.12-1.1
        is version 1.12
    near "OK 20\r\n---\nversio: 1\n\r\n"

section tarantool
    answers NULL
    service tarantool

rule greeting
    match ^Tarantool (?<version>\d[\w.-]*)\x20\((?<extra>Binary|Lua console)\)
    product Tarantool
    cpe a:tarantool:tarantool:${version}
    example "Tarantool 2.6.0 (Binary) c5559099-bcd0-413d-aa43-8243cb891877  \noHKfWdP0WsM3YOrJOqW1M1R/FW3CQOmnIE7gVSHm+9M=                   \n"
        from tarantool 2.6.0-1.4
        is version 2.6.0
        is extra Binary
    near "Tarantool (Binary) c5559099"

section gearman
    answers GearmanVersion MemcachedVersion
    service gearman

rule version
    match ^OK (?<version>\d[\w.+~-]*)\n
    product Gearman
    cpe a:gearman:gearmand:${version}
    example "OK 1.1.20+ds\n"
        from gearman-job-server 1.1.20+ds-1
        is version 1.1.20+ds
    near "OK 1.1.20 \r\n"

section neo4j
    answers BoltHandshake
    service bolt

rule bolt
    match ^\x00(?s:.)[\x00-\x08][\x03-\x06]\z
    product Neo4j Bolt
    cpe a:neo4j:neo4j
    example "\0\0\x04\x04"
        from Bolt protocol 4.4
    near "\0\0\x04\x07"

section rethinkdb
    answers RethinkHandshake
    service rethinkdb

rule version
    match "server_version":"(?<version>[\w.~-]+)"
    product RethinkDB
    cpe a:rethinkdb:rethinkdb:${version}
    example
        "{\"max_protocol_version\":0,\"min_protocol_version\":0,\"server_version\":\"2.4"
        ".1\",\"success\":true}\0"
        from RethinkDB 2.4.1, V1_0 handshake
        is version 2.4.1
    near "{\"server\":\"2.4.1\"}\0"

section aerospike
    answers AerospikeInfo
    service aerospike

rule build
    match ^\x02\x01(?s:......)build\t(?<version>[\d.]+)
    product Aerospike
    cpe a:aerospike:aerospike_server:${version}
    example "\x02\x01\0\0\0\0\0\x0ebuild\t5.7.0.7\n"
        from Aerospike 5.7.0.7, info protocol
        is version 5.7.0.7
    near "\x02\x01\0\0\0\0\0\x0ebuilt\t5.7.0.7\n"

section clickhouse
    answers GetRequest
    service clickhouse

rule native-port
    match ^HTTP/1\.0 400 Bad Request\r\n\r\nPort 9000 is for clickhouse-client program
    product ClickHouse native protocol
    cpe a:clickhouse:clickhouse
    example
        "HTTP/1.0 400 Bad Request\r\n\r\nPort 9000 is for clickhouse-client program\r\n"
        "You must use port 8123 for HTTP.\r\n"
        from ClickHouse 23, native port
    near "HTTP/1.0 400 Bad Request\r\n\r\nPort 9000 is\r\n"
