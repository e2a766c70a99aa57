# Game servers.

# Minecraft: handshake to status, then a status request.
probe MinecraftStatus tcp
    send "\x12\0/\rprtip.invalidc\xdd\x01\x01\0"
    ports 25565
    rarity 6
    fallback NULL GetRequest

section minecraft
    answers MinecraftStatus
    service minecraft

rule status
    match ^(?s:.{2,6})\{"
    match "version":\{"name":"(?<version>[^"\r\n]{1,40})"
    product Minecraft server
    cpe a:mojang:minecraft
    example
        "\x8b\x01\0\x88\x01{\"version\":{\"name\":\"1.20.2\",\"protocol\":764},\"players\":{\"max\":20,\"on"
        "line\":0},\"description\":{\"text\":\"A Minecraft Server\"}}"
        from Minecraft 1.20.2, server list ping
        is version 1.20.2
    near "\x8b\x01\0\x88\x01{\"version\":\"1.20.2\"}"

# Valve: A2S_INFO.
probe A2sInfo udp
    send "\xff\xff\xff\xffTSource Engine Query\0"
    ports 27015-27020
    rarity 6

section source
    answers udp:A2sInfo
    service valve-a2s

rule info
    match ^\xff\xff\xff\xffI(?s:.)(?<name>[^\x00]{0,80})\x00(?<map>[^\x00]{0,40})\x00(?<folder>[^\x00]{0,40})\x00(?<game>[^\x00]{0,60})\x00
    product ${game}
    extra name: ${name}
    example "\xff\xff\xff\xffI\x11My server\0de_dust2\0csgo\0Counter-Strike: Global Offensive\0\xda\x02"
        from Valve developer wiki, Server queries; srcds
        is product Counter-Strike: Global Offensive
        is extra name: My server
    near "\xff\xff\xff\xffJ\x11My server\0"

rule challenge
    match ^\xff\xff\xff\xffA(?s:....)\z
    extra challenge
    example "\xff\xff\xff\xffA\x0b\xe4%\x12"
        from Valve developer wiki, Server queries
    near "\xff\xff\xff\xffB\x0b\xe4%\x12"

# Quake 3: getstatus.
probe Quake3Status udp
    send "\xff\xff\xff\xffgetstatus\n"
    ports 27960-27963 28960
    rarity 7

section quake3
    answers udp:Quake3Status
    service quake3

rule status
    match ^\xff\xff\xff\xffstatusResponse\n
    match \\version\\(?<version>[^\\\r\n]{1,60})
    product Quake 3 engine
    example "\xff\xff\xff\xffstatusResponse\n\\version\\ioq3 1.36 linux-x86_64\\sv_hostname\\x\n"
        from ioquake3 1.36
        is version ioq3 1.36 linux-x86_64
    near "\xff\xff\xff\xffstatusRespons\n\\version\\x"

# Minetest: a reliable packet of nothing.
probe MinetestInit udp
    send "OEt\x03\0\0\0\x01"
    ports 30000
    rarity 8

section minetest
    answers udp:MinetestInit
    service minetest

rule any
    match ^\x4f\x45\x74\x03\x00\x01
    product Minetest server
    cpe a:minetest:minetest
    example "OEt\x03\0\x01\0\x03\xff\xdc\0\x01\0\x02"
        from minetest-server 5.6.1
    near "OEt\x04\0\x01"
