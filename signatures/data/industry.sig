# Industrial protocols and buildings. The probes only ask for names or states; nothing is
# written or switched.

# Modbus: function 43, read device identification.
probe ModbusDevice tcp
    send "\x137\0\0\0\x05\0+\x0e\x01\0"
    ports 502
    tls-ports 802
    rarity 6
    fallback NULL GetRequest

section modbus
    answers ModbusDevice
    service modbus

rule identified
    match ^\x13\x37\x00\x00\x00(?s:.)\x00\x2b\x0e\x01(?s:.{4})\x00(?s:.)(?<vendor>[A-Za-z][\w .-]*)\x01(?s:.)(?<code>[\w .-]*)\x02(?s:.)(?<version>[\w.]*)
    product ${vendor} ${code}
    device specialized
    example "\x137\0\0\00\0+\x0e\x01\x81\0\0\x03\0\x12Schneider Electric\x01\x0cBMX P34 2020\x02\x04v2.6"
        from Modbus application protocol 1.1b3, section 6.21; Schneider M340
        is product Schneider Electric BMX P34 2020
        is version v2.6
    near "\x137\0\0\0\x0b\0+\x0e\x01\x81\0\0\x01\0\x01\x01"

rule exception
    match ^\x13\x37\x00\x00\x00\x03(?s:.)\xab[\x01-\x0b]\z
    extra no identification
    device specialized
    example "\x137\0\0\0\x03\0\xab\x01"
        from Modbus application protocol 1.1b3, section 7; libmodbus 3.1
    near "\x137\0\0\0\x03\0\xac\x01"

# BACnet/IP: ReadProperty vendor-name of device 4194303.
probe BacnetVendor udp
    send "\x81\n\0\x11\x01\x04\0\x05\x01\x0c\x0c\x02?\xff\xff\x19y"
    ports 47808
    rarity 6

section bacnet
    answers udp:BacnetVendor
    service bacnet

rule vendor
    match ^\x81\x0a\x00(?s:.)\x01\x00\x30\x01\x0c\x0c(?s:.{4})\x19\x79\x3e\x75(?s:.)\x00(?<product>[A-Za-z0-9 ,.&-]+)
    device specialized
    example "\x81\n\0\"\x01\00\x01\x0c\x0c\x02\0\0\x01\x19y>u\x08\0Siemens?"
        from ASHRAE 135, clause 20
        is product Siemens
    near "\x81\n\0\"\x01\00\x01\x0c\x0c\x02\0\0\x01\x19x>u\x08\0Siemens?"

rule any
    soft
    match ^\x81[\x0a\x0b]\x00(?s:.)\x01
    device specialized
    example "\x81\n\0\t\x01\0P\x01\x0c\x02\0"
        from ASHRAE 135 annex J
    near "\x82\n\0\t\x01"

# ISO-TSAP (RFC 1006): connection to slot 2 of rack 0.
probe S7Connect tcp
    send "\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc0\x01\n\xc1\x02\x01\0\xc2\x02\x01\x02"
    ports 102
    rarity 6
    fallback NULL GetRequest

section s7
    answers S7Connect
    service iso-tsap

rule confirm
    match ^\x03\x00\x00\x16\x11\xd0\x00\x01
    extra S7 or another user of ISO-TSAP
    device specialized
    example "\x03\0\0\x16\x11\xd0\0\x01\0\x01\0\xc0\x01\n\xc1\x02\x01\0\xc2\x02\x01\x02"
        from RFC 905 section 13.4; Siemens S7-300
    near "\x03\0\0\x16\x11\xd1\0\x01\0"

rule refused
    match ^\x03\x00\x00[\x07-\x16][\x02-\x11]\x80
    extra connection refused
    example "\x03\0\0\x0b\x06\x80\0\0\0\x01\0"
        from RFC 905 section 13.5
    near "\x03\0\0\x0b\x06\x81\0\0"

# EtherNet/IP: ListIdentity.
probe EnipIdentity tcp
    send "c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 44818
    rarity 6
    fallback NULL GetRequest

probe EnipIdentityUdp udp
    send "c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    ports 44818
    rarity 6

section enip
    answers EnipIdentity udp:EnipIdentityUdp
    service EtherNet-IP

rule identity
    match ^\x63\x00(?s:.{24})\x0c\x00(?s:.{26})(?<major>[\x00-\xff])(?<minor>[\x00-\xff])(?s:.{7})(?<product>[\x20-\x7e]+)
    version ${major|big-endian}.${minor|big-endian}
    device specialized
    example "c\0<\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x0c\06\0\x01\0\0\x02\xaf\x12\x7f\0\0\x01\0\0\0\0\0\0\0\0\x01\0\x0e\07\0\x14\x0b`\04\x12\0\0\x141756-L61/B LOGIX5561\x03"
        from CIP volume 2, ListIdentity; Allen-Bradley 1756
        is product 1756-L61/B LOGIX5561
        is version 20.11
    near "c\0)\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x0c\0#\0\x01\0\0\x02\xaf\x12\x7f\0\0\x01\0\0\0\0\0\0\0\0\x01\0\x0e\07\0\x14\x0b`\04\x12\0\0\x01\x01\x03"

# Niagara Fox: hello.
probe FoxHello tcp
    send "fox a 1 -1 fox hello\n{\nfox.version=s:1.0\nid=i:1\n};;\n"
    ports 1911
    tls-ports 4911
    rarity 7
    fallback NULL GetRequest

section fox
    answers FoxHello
    service niagara-fox

rule hello
    match ^fox a 0 -1 fox hello\n\{\n
    match \napp\.version=s:(?<version>[\w.]+)
    product Tridium Niagara
    device specialized
    cpe a:tridium:niagara:${version}
    example
        "fox a 0 -1 fox hello\n{\nfox.version=s:1.0.1\nid=i:0\nhostName=s:192.0.2.1\na"
        "pp.name=s:Station\napp.version=s:3.8.38\n};;\n"
        from Tridium Niagara AX 3.8
        is version 3.8.38
    near "fox b 0 -1 fox hello\n{\nfox.version=s:1\n};;\n"

# DNP3 (IEEE 1815): request link status of address 1.
probe Dnp3Link tcp
    send "\x05d\x05\xc9\x01\0\0\0\xde\x8e"
    ports 20000
    rarity 7
    fallback NULL GetRequest

section dnp3
    answers Dnp3Link
    service dnp3

rule link-status
    match ^\x05\x64\x05[\x00\x0b\x80-\x8f](?s:....)
    device specialized
    example "\x05d\x05\x0b\0\0\x01\0\x124"
        from IEEE 1815 clause 9
    near "\x05e\x05\x0b\0\0\x01\0"

# IEC 60870-5-104: TESTFR act.
probe Iec104Test tcp
    send "h\x04C\0\0\0"
    ports 2404
    tls-ports 19998
    rarity 7
    fallback NULL GetRequest

section iec104
    answers Iec104Test
    service iec-104

rule testfr
    match ^\x68\x04\x83\x00\x00\x00
    device specialized
    example "h\x04\x83\0\0\0"
        from IEC 60870-5-104 section 5.2
    near "h\x04C\0\0\0"

# OPC UA (part 6, 7.1.2): HEL.
probe OpcuaHello tcp
    send "HELF/\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\x0f\0\0\0opc.tcp://prtip"
    ports 4840 4843
    rarity 7
    fallback NULL GetRequest

section opcua
    answers OpcuaHello
    service opcua-tcp

rule ack
    match ^ACKF\x1c\x00\x00\x00
    example "ACKF\x1c\0\0\0\0\0\0\0\0\0\x01\0"
        from OPC UA part 6, section 7.1.2.4; open62541
    near "ACKG\x1c\0\0\0"

rule error
    match ^ERRF(?s:....)(?s:...)\x80
    extra endpoint refused
    example "ERRF\x10\0\0\0\0\0\x83\x80\0\0\0\0"
        from OPC UA part 6, section 7.1.2.5
    near "ERRG\x10\0\0\0"

# KNXnet/IP: description request.
probe KnxSearch udp
    send "\x06\x10\x02\x03\0\x0e\x08\x01\0\0\0\0\0\0"
    ports 3671
    rarity 7

section knx
    answers udp:KnxSearch
    service knx

rule description
    match ^\x06\x10\x02\x04\x00(?s:.)\x36\x01(?s:.{22})(?<product>[\x20-\x7e]+)
    device specialized
    example "\x06\x10\x02\x04\0D6\x01\x02\0\x11\0\0\0\0\0\0\0\0\0\xe0\0\x17\x0c\0\0\0\0\0\0Gira KNX/IP-Router\0\0\0\0\0\0\0\0\0\0\0\0"
        from KNX standard 3/8/2; Gira KNX/IP router
        is product Gira KNX/IP-Router
    near "\x06\x10\x02\x05\0D"

# Omron FINS: controller data read.
probe FinsController udp
    send "\x80\0\x02\0\0\0\0c\0\xef\x05\x01\0"
    ports 9600
    rarity 8

section fins
    answers udp:FinsController
    service omron-fins

rule controller
    match ^\xc0\x00\x02(?s:.{7})\x05\x01\x00\x00(?<product>[\w -]+)
    device specialized
    example "\xc0\0\x02\0c\0\0\0\0\xef\x05\x01\0\0CJ2M-CPU32          02.01"
        from Omron W342, section 5-3-17
        is product CJ2M-CPU32          02
    near "\xc0\0\x02\0c\0\0\0\0\xef\x05\x01\0\x01"

# Veeder-Root tank gauge: in-tank inventory.
probe AtgInventory tcp
    send "\x01I20100\n"
    ports 10001
    rarity 8
    fallback NULL GetRequest

section atg
    answers AtgInventory
    service atg

rule inventory
    match ^\x01\r?\nI20100\r?\n
    product Veeder-Root TLS-350
    device specialized
    example "\x01\r\nI20100\r\n11/26/2026 02:45\r\n\r\nSTATION\r\n"
        from Veeder-Root TLS-350 serial interface manual
    near "\x01\r\nI20200\r\n"

rule unknown-command
    match ^\x019999FF1B
    product Veeder-Root TLS
    device specialized
    example "\x019999FF1B\x03"
        from Veeder-Root TLS-350 serial interface manual
    near "\x019998FF1B"

# CoAP (RFC 7252, RFC 6690): GET /.well-known/core.
probe CoapCore udp
    send "@\x01\x137\xbb.well-known\x04core"
    ports 5683
    rarity 6

section coap
    answers udp:CoapCore
    service coap

rule content
    match ^\x60\x45\x13\x37
    extra resources listed
    example "`E\x137\xc1(\xff</>;title=\"x\""
        from RFC 6690; libcoap 4.3
    near "`F\x137"

rule any
    match ^[\x60\x50](?s:.)\x13\x37
    example "`\x84\x137"
        from RFC 7252
    near "`\x84\x138"
