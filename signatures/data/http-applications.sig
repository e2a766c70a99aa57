# Applications that speak HTTP, told by headers and words of their own. They stand before
# the servers that carry them (http-servers.sig): the files are read in alphabetical order.

# etcd tells its version at a path of its own.
probe EtcdVersion tcp
    send "GET /version HTTP/1.0\r\n\r\n"
    ports 2379 2380 4001
    rarity 9

section etcd
    answers EtcdVersion
    service etcd
    require ^HTTP/1\.[01] 200 OK\r

rule version
    match \{"etcdserver":"(?<version>\d[\w.+-]*)"
    product etcd
    cpe a:etcd:etcd:${version}
    example
        "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: 45\r\n"
        "\r\n{\"etcdserver\":\"3.4.23\",\"etcdcluster\":\"3.4.0\"}"
        from etcd-server 3.4.23-4
        is version 3.4.23
    near "HTTP/1.0 200 OK\r\n\r\n{\"etcdcluster\":\"3.4.0\"}"

section http-app
    answers GetRequest
    service http
    require ^HTTP/1\.[01] \d\d\d[ \r]

rule jenkins
    header X-Jenkins: (?<version>[\w.-]+)
    product Jenkins
    cpe a:jenkins:jenkins:${version}
    example "HTTP/1.1 200 OK\r\nServer: Jetty(10.0.18)\r\nX-Jenkins: 2.426.1\r\n\r\n"
        from Jenkins 2.426.1
        is version 2.426.1
    near "HTTP/1.1 200 OK\r\nX-Jenkin: 2.4\r\n\r\n"

rule hudson
    header X-Hudson: (?<version>[\w.-]+)
    product Hudson
    cpe a:eclipse:hudson:${version}
    example "HTTP/1.1 200 OK\r\nX-Hudson: 1.395\r\n\r\n"
        from Hudson 1.395
        is version 1.395
    near "HTTP/1.1 200 OK\r\nX-Hudso: 1\r\n\r\n"

rule docker
    service docker
    header Server: Docker/(?<version>[\w.-]+)
    product Docker Engine API
    cpe a:docker:docker:${version}
    example "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\n\r\n"
        from docker.io 20.10.24
        is version 20.10.24
    near "HTTP/1.1 200 OK\r\nServer: Dockers/20\r\n\r\n"

rule kubernetes
    service kubernetes
    header X-Kubernetes-Pf-Flowschema-Uid: 
    product Kubernetes API server
    cpe a:kubernetes:kubernetes
    example
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Kubernetes-Pf-Flowsch"
        "ema-Uid: 3c5c2ba5-0f4c-4f0e-9b3e-0d0e5c0c0a0a\r\n\r\n"
        from kube-apiserver 1.28
    near "HTTP/1.1 200 OK\r\nX-Kubernetes-Uid: 3\r\n\r\n"

rule kubernetes-status
    service kubernetes
    match "kind": ?"Status","apiVersion": ?"v1"
    product Kubernetes API server
    cpe a:kubernetes:kubernetes
    example
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"kind\":\"Status\",\"api"
        "Version\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"code\":403}"
        from kube-apiserver 1.18
    near "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"kind\":\"State\",\"apiVersion\":\"v1\"}"

rule etcd
    service etcd
    header X-Etcd-Cluster-Id: 
    product etcd
    cpe a:etcd:etcd
    example "HTTP/1.1 200 OK\r\nX-Etcd-Cluster-Id: cdf818194e3a8c32\r\n\r\n"
        from etcd 3.4
    near "HTTP/1.1 200 OK\r\nX-Etcd-Id: c\r\n\r\n"

# Its headers against cross-site requests, whatever is asked.
rule etcd-cors
    service etcd
    soft
    header Access-Control-Allow-Headers: accept, content-type, authorization\r\n
    header Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n
    header Access-Control-Allow-Origin: \*\r\n
    product etcd
    cpe a:etcd:etcd
    example
        "HTTP/1.0 404 Not Found\r\nAccess-Control-Allow-Headers: accept, content-t"
        "ype, authorization\r\nAccess-Control-Allow-Methods: POST, GET, OPTIONS, P"
        "UT, DELETE\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: text/plain;"
        " charset=utf-8\r\n\r\n404 page not found\n"
        from etcd-server 3.4.23-4
    near "HTTP/1.0 404 Not Found\r\nAccess-Control-Allow-Origin: *\r\n\r\n404 page not found\n"

rule consul
    service consul
    header X-Consul-Default-Acl-Policy: 
    product HashiCorp Consul
    cpe a:hashicorp:consul
    example "HTTP/1.1 200 OK\r\nX-Consul-Default-Acl-Policy: allow\r\nLocation: /ui/\r\n\r\n"
        from Consul 1.16
    near "HTTP/1.1 200 OK\r\nX-Consul-Policy: a\r\n\r\n"

rule consul-agent
    service consul
    match ^HTTP/1\.[01] 200 OK\r\n
    match \r\n\r\nConsul Agent
    product HashiCorp Consul
    cpe a:hashicorp:consul
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nConsul Agent: UI disabled. "
        "To enable, set ui_config.enabled=true in the agent configuration and res"
        "tart."
        from Consul 1.16, ui off
    near "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nConsul agents"

rule vault
    service vault
    match \r\n\r\n\{"errors":\["missing client token"|<title>Vault</title>
    product HashiCorp Vault
    cpe a:hashicorp:vault
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html><html><head><"
        "title>Vault</title>"
        from Vault 1.15
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Vaulted</title>"

rule nomad
    service nomad
    match <title>Nomad</title>
    product HashiCorp Nomad
    cpe a:hashicorp:nomad
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><head><title>Nomad</title>"
        from Nomad 1.6
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Nomads</title>"

rule elasticsearch-compatible
    service elasticsearch
    match "number" : "(?<version>[\d.]+)"
    match "tagline" : "You Know, for Search"
    product Elasticsearch
    cpe a:elastic:elasticsearch:${version}
    example
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{\n  \"n"
        "ame\" : \"node-1\",\n  \"cluster_name\" : \"elasticsearch\",\n  \"version\" : {\n   "
        " \"number\" : \"7.17.9\",\n    \"build_flavor\" : \"default\"\n  },\n  \"tagline\" : "
        "\"You Know, for Search\"\n}\n"
        from Elasticsearch 7.17.9
        is version 7.17.9
    near
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{ \"number\" : \"7.17.9\""
        ", \"tagline\" : \"You Know\" }"

rule opensearch
    service opensearch
    match "number" : "(?<version>[\d.]+)"
    match "tagline" : "The OpenSearch Project
    product OpenSearch
    cpe a:amazon:opensearch:${version}
    example
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{\n  \"v"
        "ersion\" : {\n    \"distribution\" : \"opensearch\",\n    \"number\" : \"2.11.0\"\n "
        " },\n  \"tagline\" : \"The OpenSearch Project: https://opensearch.org/\"\n}\n"
        from OpenSearch 2.11.0
        is version 2.11.0
    near
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{ \"number\" : \"2\", \"ta"
        "gline\" : \"OpenSearch\" }"

rule elastic-product
    service elasticsearch
    header X-elastic-product: Elasticsearch\r\n
    product Elasticsearch
    cpe a:elastic:elasticsearch
    example
        "HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\nWWW-Authenticate: Bas"
        "ic realm=\"security\"\r\n\r\n"
        from Elasticsearch 8, security on
    near "HTTP/1.1 200 OK\r\nX-elastic-product: Kibana\r\n\r\n"

rule kibana
    header kbn-name: 
    product Elastic Kibana
    cpe a:elastic:kibana
    example "HTTP/1.1 200 OK\r\nlocation: /login\r\nkbn-name: kibana\r\nkbn-license-sig: 00\r\n\r\n"
        from Kibana 7
    near "HTTP/1.1 200 OK\r\nkbn-nam: k\r\n\r\n"

rule couchdb
    service couchdb
    header Server: CouchDB/(?<version>[\w.-]+)
    product Apache CouchDB
    cpe a:apache:couchdb:${version}
    example "HTTP/1.1 200 OK\r\nServer: CouchDB/3.3.2 (Erlang OTP/24)\r\n\r\n"
        from CouchDB 3.3.2
        is version 3.3.2
    near "HTTP/1.1 200 OK\r\nServer: CouchBD/3\r\n\r\n"

rule influxdb
    service influxdb
    header X-Influxdb-Version: v?(?<version>\d[\w.~+-]*)
    product InfluxDB
    cpe a:influxdata:influxdb:${version}
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Influxdb-Build: OSS\r\nX-Infl"
        "uxdb-Version: 1.6.7~rc0\r\n\r\n"
        from influxdb 1.6.7~rc0
        is version 1.6.7~rc0
    near "HTTP/1.1 200 OK\r\nX-Influx-Version: 1\r\n\r\n"

rule clickhouse
    service clickhouse
    header X-ClickHouse-Summary: 
    product ClickHouse HTTP interface
    cpe a:clickhouse:clickhouse
    example "HTTP/1.1 200 OK\r\nX-ClickHouse-Summary: {\"read_rows\":\"0\"}\r\n\r\n"
        from ClickHouse 23, HTTP interface
    near "HTTP/1.1 200 OK\r\nX-ClickHouse: 1\r\n\r\n"

rule clickhouse-ok
    service clickhouse
    match ^HTTP/1\.[01] 200 OK\r\n
    match \r\n\r\nOk\.\n\z
    product ClickHouse HTTP interface
    cpe a:clickhouse:clickhouse
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\nKeep-Alive: timeout=3\r\n\r\nOk.\n"
        from ClickHouse 21, HTTP interface
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nOk\n"

rule arangodb
    service arangodb
    header Server: ArangoDB\r\n
    product ArangoDB
    cpe a:arangodb:arangodb
    example "HTTP/1.1 200 OK\r\nServer: ArangoDB\r\n\r\n"
        from ArangoDB 3
    near "HTTP/1.1 200 OK\r\nServer: Arango\r\n\r\n"

rule neo4j
    service neo4j
    match "neo4j_version" ?: ?"(?<version>[\d.]+)"
    product Neo4j
    cpe a:neo4j:neo4j:${version}
    example
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"bolt_routing\":\"neo4"
        "j://localhost:7687\",\"neo4j_version\":\"5.12.0\",\"neo4j_edition\":\"community\""
        "}"
        from Neo4j 5.12.0
        is version 5.12.0
    near "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"neo4j\":\"5\"}"

rule solr
    match <title>Solr Admin</title>
    product Apache Solr
    cpe a:apache:solr
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><head><title>Solr Admin</title>"
        from Apache Solr 8
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Solar Admin</title>"

rule prometheus
    service prometheus
    match <title>Prometheus Time Series Collection and Processing Server</title>
    product Prometheus
    cpe a:prometheus:prometheus
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>Prometheus Time"
        " Series Collection and Processing Server</title>"
        from prometheus 2.42.0
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Prometheus Time Series</title>"

rule prometheus-redirect
    service prometheus
    match ^HTTP/1\.[01] 302 Found\r\n
    header Location: /(?:classic/)?graph\r\n
    product Prometheus
    cpe a:prometheus:prometheus
    example
        "HTTP/1.0 302 Found\r\nContent-Type: text/html; charset=utf-8\r\nLocation: /c"
        "lassic/graph\r\nContent-Length: 37\r\n\r\n<a href=\"/classic/graph\">Found</a>.\n"
        "\n"
        from prometheus 2.42.0+ds-5+b5
    near "HTTP/1.0 302 Found\r\nLocation: /graphs\r\n\r\n"

rule node-exporter
    service prometheus
    match <title>Node Exporter</title>
    product Prometheus node exporter
    cpe a:prometheus:node_exporter
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>\n<head><title>Node Exp"
        "orter</title></head>"
        from prometheus-node-exporter 1.5.0
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Exporter</title>"

rule alertmanager
    match <title>Alertmanager</title>
    product Prometheus Alertmanager
    cpe a:prometheus:alertmanager
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><head><title>Alertmanager</title>"
        from Alertmanager 0.25
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Alerts</title>"

rule grafana
    match <title>Grafana</title>
    product Grafana
    cpe a:grafana:grafana
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><head><title>Grafana</title>"
        from Grafana 9
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Graphana</title>"

rule grafana-login
    header Location: /login\r\n
    header Set-Cookie: redirect_to=
    product Grafana
    cpe a:grafana:grafana
    example "HTTP/1.1 200 OK\r\nLocation: /login\r\nSet-Cookie: redirect_to=%2F; Path=/; HttpOnly\r\n\r\n"
        from Grafana 8, before log-in
    near "HTTP/1.1 200 OK\r\nLocation: /login\r\nSet-Cookie: redirect=%2F\r\n\r\n"

rule gitlab
    header Set-Cookie: _gitlab_session=
    product GitLab
    cpe a:gitlab:gitlab
    example "HTTP/1.1 200 OK\r\nServer: nginx\r\nSet-Cookie: _gitlab_session=0; path=/\r\n\r\n"
        from GitLab 15
    near "HTTP/1.1 200 OK\r\nSet-Cookie: gitlab=0\r\n\r\n"

rule gitea
    header Set-Cookie: i_like_gitea=
    product Gitea
    cpe a:gitea:gitea
    example "HTTP/1.1 200 OK\r\nSet-Cookie: i_like_gitea=0; Path=/\r\n\r\n"
        from Gitea 1.20
    near "HTTP/1.1 200 OK\r\nSet-Cookie: i_like_tea=0\r\n\r\n"

rule gogs
    header Set-Cookie: i_like_gogs=
    product Gogs
    cpe a:gogs:gogs
    example "HTTP/1.1 200 OK\r\nSet-Cookie: i_like_gogs=0; Path=/\r\n\r\n"
        from Gogs 0.13
    near "HTTP/1.1 200 OK\r\nSet-Cookie: i_like_dogs=0\r\n\r\n"

rule forgejo
    header Set-Cookie: i_like_forgejo=
    product Forgejo
    cpe a:forgejo:forgejo
    example "HTTP/1.1 200 OK\r\nSet-Cookie: i_like_forgejo=0; Path=/\r\n\r\n"
        from Forgejo 7
    near "HTTP/1.1 200 OK\r\nSet-Cookie: i_like_fore=0\r\n\r\n"

rule nexus
    header Server: Nexus/(?<version>[\w.-]+)
    product Sonatype Nexus Repository
    cpe a:sonatype:nexus_repository_manager:${version}
    example "HTTP/1.1 200 OK\r\nServer: Nexus/3.61.0-02 (OSS)\r\n\r\n"
        from Sonatype Nexus 3.61.0
        is version 3.61.0-02
    near "HTTP/1.1 200 OK\r\nServer: Nexus 3\r\n\r\n"

rule artifactory
    header Server: Artifactory/(?<version>[\w.-]+)
    product JFrog Artifactory
    cpe a:jfrog:artifactory:${version}
    example "HTTP/1.1 200 OK\r\nServer: Artifactory/7.68.14 76814900\r\nX-Artifactory-Id: 0\r\n\r\n"
        from JFrog Artifactory 7.68.14
        is version 7.68.14
    near "HTTP/1.1 200 OK\r\nServer: Artifacts/7\r\n\r\n"

rule sonarqube
    match <title>SonarQube</title>
    product SonarQube
    cpe a:sonarsource:sonarqube
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><head><title>SonarQube</title>"
        from SonarQube 9
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Sonar</title>"

rule confluence
    header X-Confluence-Request-Time: 
    product Atlassian Confluence
    cpe a:atlassian:confluence
    example "HTTP/1.1 200 OK\r\nX-Confluence-Request-Time: 1700966700000\r\nSet-Cookie: JSESSIONID=0\r\n\r\n"
        from Confluence 7
    near "HTTP/1.1 200 OK\r\nX-Confluence: 1\r\n\r\n"

rule jira
    header X-AREQUESTID: 
    product Atlassian Jira
    cpe a:atlassian:jira
    example "HTTP/1.1 200 OK\r\nX-AREQUESTID: 165x1x1\r\nX-AUSERNAME: anonymous\r\n\r\n"
        from Jira 9
    near "HTTP/1.1 200 OK\r\nX-REQUESTID: 1\r\n\r\n"

rule minio
    header Server: MinIO
    product MinIO
    cpe a:minio:minio
    example "HTTP/1.1 200 OK\r\nServer: MinIO\r\nX-Amz-Request-Id: 0\r\n\r\n"
        from MinIO RELEASE.2023-11
    near "HTTP/1.1 200 OK\r\nServer: MiniO\r\n\r\n"

rule ceph-rgw
    header x-amz-request-id: tx
    match <ListAllMyBucketsResult
    product Ceph RADOS Gateway
    cpe a:redhat:ceph
    example
        "HTTP/1.1 200 OK\r\nx-amz-request-id: tx00000abcdef-0065-10c3-default\r\n\r\n<?"
        "xml version=\"1.0\"?><ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.co"
        "m/doc/2006-03-01/\">"
        from Ceph RGW 17
    near "HTTP/1.1 200 OK\r\nx-amz-request-id: 00\r\n\r\n<ListAllMyBucketsResult"

rule splunkd
    header Server: Splunkd\r\n
    product Splunk
    cpe a:splunk:splunk
    example "HTTP/1.1 200 OK\r\nServer: Splunkd\r\n\r\n"
        from Splunk 9
    near "HTTP/1.1 200 OK\r\nServer: Splunk\r\n\r\n"

rule webmin
    header Server: MiniServ/(?<version>[\w.-]+)
    product Webmin MiniServ
    cpe a:webmin:webmin:${version}
    example "HTTP/1.1 200 OK\r\nServer: MiniServ/2.105\r\n\r\n"
        from Webmin 2.105
        is version 2.105
    near "HTTP/1.1 200 OK\r\nServer: MiniServe/2\r\n\r\n"

rule cpanel
    header Server: cpsrvd(?:/(?<version>[\w.-]+))?
    product cPanel
    cpe a:cpanel:cpanel:${version}
    example "HTTP/1.1 200 OK\r\nServer: cpsrvd/11.110.0.15\r\n\r\n"
        from cPanel 110
        is version 11.110.0.15
    near "HTTP/1.1 200 OK\r\nServer: cpsvr\r\n\r\n"

rule plesk
    header X-Powered-By: PleskLin\r\n
    product Plesk
    os Linux
    cpe a:plesk:plesk
    example "HTTP/1.1 200 OK\r\nServer: nginx\r\nX-Powered-By: PleskLin\r\n\r\n"
        from Plesk Obsidian
    near "HTTP/1.1 200 OK\r\nX-Powered-By: Plesk\r\n\r\n"

rule plesk-windows
    header X-Powered-By: PleskWin\r\n
    product Plesk
    os Windows
    cpe a:plesk:plesk
    example "HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/10.0\r\nX-Powered-By: PleskWin\r\n\r\n"
        from Plesk for Windows
    near "HTTP/1.1 200 OK\r\nX-Powered-By: Plesk\r\n\r\n"

rule plesk-panel
    header Server: sw-cp-server\r\n
    product Plesk sw-cp-server
    cpe a:plesk:plesk
    example "HTTP/1.1 200 OK\r\nServer: sw-cp-server\r\n\r\n"
        from Plesk panel
    near "HTTP/1.1 200 OK\r\nServer: sw-cp\r\n\r\n"

rule directadmin
    header Server: DirectAdmin Daemon v?(?<version>[\d.]+)
    product DirectAdmin
    cpe a:directadmin:directadmin:${version}
    example "HTTP/1.1 200 OK\r\nServer: DirectAdmin Daemon v1.61.3\r\n\r\n"
        from DirectAdmin 1.61
        is version 1.61.3
    near "HTTP/1.1 200 OK\r\nServer: DirectAdmin\r\n\r\n"

rule proxmox
    header Server: pve-api-daemon/(?<version>[\w.-]+)
    product Proxmox VE API
    cpe a:proxmox:virtual_environment
    example "HTTP/1.1 200 OK\r\nServer: pve-api-daemon/3.0\r\n\r\n"
        from Proxmox VE 8
        is version 3.0
    near "HTTP/1.1 200 OK\r\nServer: pve-daemon/3\r\n\r\n"

rule cockpit
    match <html id="login-page" class="login-pf"
    product Cockpit
    cpe a:cockpit-project:cockpit
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html>\n<html id=\"lo"
        "gin-page\" class=\"login-pf\">"
        from cockpit-ws 287
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html id=\"login\">"

rule vmware-esxi
    match <title>" \+ ID_EESX_Welcome
    product VMware ESXi
    cpe o:vmware:esxi
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\ndocument.write(\"<title>\" + I"
        "D_EESX_Welcome + \"</title>\");"
        from ESXi 6.7
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>ID_EESX</title>"

rule vcenter
    match <title>" \+ ID_VC_Welcome
    product VMware vCenter Server
    cpe a:vmware:vcenter_server
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\ndocument.write(\"<title>\" + I"
        "D_VC_Welcome + \"</title>\");"
        from vCenter 6.7
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>ID_VC</title>"

rule idrac
    header Location: /(?:start\.html|restgui/start\.html)
    product Dell iDRAC
    device remote management
    cpe o:dell:idrac9_firmware
    example "HTTP/1.1 200 OK\r\nLocation: /restgui/start.html\r\nServer: Apache\r\n\r\n"
        from Dell iDRAC 9
    near "HTTP/1.1 200 OK\r\nLocation: /start\r\n\r\n"

rule ilo
    header Server: HP-iLO-Server(?:/(?<version>[\w.-]+))?
    product HP Integrated Lights-Out
    device remote management
    cpe o:hp:integrated_lights-out_firmware
    example "HTTP/1.1 200 OK\r\nServer: HP-iLO-Server/1.30\r\n\r\n"
        from HP iLO 4
        is version 1.30
    near "HTTP/1.1 200 OK\r\nServer: HP-iL\r\n\r\n"

rule hpe-ilo
    header Server: HPE-iLO-Server(?:/(?<version>[\w.-]+))?
    product HPE Integrated Lights-Out
    device remote management
    cpe o:hp:integrated_lights-out_5_firmware
    example "HTTP/1.1 200 OK\r\nServer: HPE-iLO-Server/1.30\r\n\r\n"
        from HPE iLO 5
        is version 1.30
    near "HTTP/1.1 200 OK\r\nServer: HPE-iL\r\n\r\n"

rule supermicro
    match ATEN International Co Ltd
    product Supermicro IPMI
    device remote management
    example "HTTP/1.1 200 OK\r\nServer: GoAhead-Webs\r\n\r\n<!-- ATEN International Co Ltd. -->"
        from Supermicro BMC
    near "HTTP/1.1 200 OK\r\nServer: GoAhead-Webs\r\n\r\n<!-- ATEN -->"

rule amt
    header Server: Intel\(R\) Active Management Technology (?<version>[\w.-]+)
    product Intel Active Management Technology
    device remote management
    cpe o:intel:active_management_technology_firmware:${version}
    example "HTTP/1.1 200 OK\r\nServer: Intel(R) Active Management Technology 11.8.50\r\n\r\n"
        from Intel AMT 11.8
        is version 11.8.50
    near "HTTP/1.1 200 OK\r\nServer: Intel(R) Active Management\r\n\r\n"

rule exchange-owa
    header X-OWA-Version: (?<version>[\w.-]+)
    product Microsoft Outlook Web App
    os Windows
    cpe a:microsoft:exchange_server:${version}
    cpe o:microsoft:windows
    example "HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/10.0\r\nX-OWA-Version: 15.2.1118.40\r\n\r\n"
        from Exchange Server 2019
        is version 15.2.1118.40
    near "HTTP/1.1 200 OK\r\nX-OWA: 1\r\n\r\n"

rule exchange
    header X-FEServer: (?<host>[\w-]+)
    product Microsoft Exchange
    os Windows
    cpe a:microsoft:exchange_server
    cpe o:microsoft:windows
    example "HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/10.0\r\nX-FEServer: EX01\r\n\r\n"
        from Exchange Server 2016
        is host EX01
    near "HTTP/1.1 200 OK\r\nX-Server: EX01\r\n\r\n"

rule sharepoint
    header MicrosoftSharePointTeamServices: (?<version>[\w.-]+)
    product Microsoft SharePoint
    os Windows
    cpe a:microsoft:sharepoint_server:${version}
    cpe o:microsoft:windows
    example
        "HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/10.0\r\nMicrosoftSharePointTeamServ"
        "ices: 16.0.0.10396\r\n\r\n"
        from SharePoint Server 2019
        is version 16.0.0.10396
    near "HTTP/1.1 200 OK\r\nMicrosoftSharePoint: 1\r\n\r\n"

rule zimbra
    match <title>Zimbra\x20
    product Zimbra
    cpe a:zimbra:collaboration
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Zimbra Web Client Sign In</title>"
        from Zimbra 8
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Zimbar</title>"

rule roundcube
    match <title>Roundcube Webmail ::\x20
    product Roundcube
    cpe a:roundcube:webmail
    example
        "HTTP/1.1 200 OK\r\nSet-Cookie: roundcube_sessid=0\r\n\r\n<title>Roundcube Webm"
        "ail :: Welcome to Roundcube Webmail</title>"
        from Roundcube 1.6
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Roundcub</title>"

rule nextcloud
    header Set-Cookie: nc_sameSiteCookielax=
    product Nextcloud
    cpe a:nextcloud:nextcloud_server
    example "HTTP/1.1 200 OK\r\nServer: Apache\r\nSet-Cookie: nc_sameSiteCookielax=true; path=/\r\n\r\n"
        from Nextcloud 27
    near "HTTP/1.1 200 OK\r\nSet-Cookie: nc=1\r\n\r\n"

rule wordpress
    header Link: <[^>\r\n]*>; rel="https://api\.w\.org/"
    product WordPress
    cpe a:wordpress:wordpress
    example
        "HTTP/1.1 200 OK\r\nServer: Apache\r\nLink: <https://example.org/wp-json/>; r"
        "el=\"https://api.w.org/\"\r\n\r\n"
        from WordPress 6
    near "HTTP/1.1 200 OK\r\nLink: <https://example.org/>; rel=\"self\"\r\n\r\n"

rule wordpress-generator
    match <meta name="generator" content="WordPress (?<version>[\d.]+)
    product WordPress
    cpe a:wordpress:wordpress:${version}
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><head><meta name=\"gene"
        "rator\" content=\"WordPress 6.4.1\" />"
        from WordPress 6.4.1
        is version 6.4.1
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<meta name=\"generator\" content=\"WordPress\" />"

rule drupal
    header X-Generator: Drupal (?<version>\d+)
    product Drupal
    cpe a:drupal:drupal:${version}
    example "HTTP/1.1 200 OK\r\nServer: Apache\r\nX-Generator: Drupal 10 (https://www.drupal.org)\r\n\r\n"
        from Drupal 10
        is version 10
    near "HTTP/1.1 200 OK\r\nX-Generator: Droopal\r\n\r\n"

rule joomla
    match <meta name="generator" content="Joomla!\x20
    product Joomla!
    cpe a:joomla:joomla%21
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<meta name=\"generator\" conte"
        "nt=\"Joomla! - Open Source Content Management\" />"
        from Joomla 4
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<meta name=\"generator\" content=\"Joomla\" />"

rule typo3
    match <meta name="generator" content="TYPO3 CMS"
    product TYPO3
    cpe a:typo3:typo3
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<meta name=\"generator\" content=\"TYPO3 CMS\" />"
        from TYPO3 11
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<meta name=\"generator\" content=\"TYPO\" />"

rule mediawiki
    match <meta name="generator" content="MediaWiki (?<version>[\w.-]+)
    product MediaWiki
    cpe a:mediawiki:mediawiki:${version}
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<meta name=\"generator\" conte"
        "nt=\"MediaWiki 1.39.5\"/>"
        from MediaWiki 1.39.5
        is version 1.39.5
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<meta name=\"generator\" content=\"Wiki 1\"/>"

rule phpmyadmin
    header Set-Cookie: phpMyAdmin=
    product phpMyAdmin
    cpe a:phpmyadmin:phpmyadmin
    example "HTTP/1.1 200 OK\r\nSet-Cookie: phpMyAdmin=0; path=/\r\n\r\n"
        from phpMyAdmin 5
    near "HTTP/1.1 200 OK\r\nSet-Cookie: phpAdmin=0\r\n\r\n"

rule magento
    header X-Magento-Cache-Debug: 
    product Magento
    cpe a:magento:magento
    example "HTTP/1.1 200 OK\r\nX-Magento-Cache-Debug: MISS\r\n\r\n"
        from Magento 2
    near "HTTP/1.1 200 OK\r\nX-Magent: 1\r\n\r\n"

rule shopify
    header X-ShopId: 
    product Shopify
    example "HTTP/1.1 200 OK\r\nServer: cloudflare\r\nX-ShopId: 1234\r\n\r\n"
        from shopify.com shops
    near "HTTP/1.1 200 OK\r\nX-Shop: 1\r\n\r\n"

rule transmission
    service bittorrent-rpc
    header Server: Transmission\r\n
    product Transmission
    cpe a:transmissionbt:transmission
    example "HTTP/1.1 200 OK\r\nServer: Transmission\r\nWWW-Authenticate: Basic realm=\"Transmission\"\r\n\r\n"
        from transmission-daemon 3.00
    near "HTTP/1.1 200 OK\r\nServer: Transmissions\r\n\r\n"

rule qbittorrent
    service bittorrent-rpc
    match <title>qBittorrent\x20
    product qBittorrent Web UI
    cpe a:qbittorrent:qbittorrent
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>qBittorrent Web UI</title>"
        from qBittorrent 4.5
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Bittorrent</title>"

rule deluge
    service bittorrent-rpc
    match <title>Deluge: Web UI(?: (?<version>[\d.]+))?
    product Deluge Web UI
    cpe a:deluge-torrent:deluge:${version}
    example "HTTP/1.1 200 OK\r\nServer: TwistedWeb/22.4.0\r\n\r\n<title>Deluge: Web UI 2.0.3</title>"
        from Deluge 2.0.3
        is version 2.0.3
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Deluge</title>"

rule syncthing
    header X-Syncthing-Version: v?(?<version>\d[\w.~+-]*)
    product Syncthing
    cpe a:syncthing:syncthing:${version}
    example "HTTP/1.1 200 OK\r\nX-Syncthing-Id: ABCDEFG\r\nX-Syncthing-Version: v1.19.2\r\n\r\n"
        from syncthing 1.19.2
        is version 1.19.2
    near "HTTP/1.1 200 OK\r\nX-Sync-Version: 1\r\n\r\n"

rule syncthing-host-check
    match ^HTTP/1\.[01] 403 Forbidden\r\n
    match \r\n\r\nHost check error\n
    product Syncthing
    cpe a:syncthing:syncthing
    example
        "HTTP/1.0 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nX-Conte"
        "nt-Type-Options: nosniff\r\nContent-Length: 17\r\n\r\nHost check error\n"
        from syncthing 1.19.2~ds1-1+b4
    near "HTTP/1.0 403 Forbidden\r\n\r\nHost error\n"

rule plex
    service plex
    header X-Plex-Protocol: 
    product Plex Media Server
    cpe a:plex:media_server
    example "HTTP/1.1 200 OK\r\nX-Plex-Protocol: 1.0\r\nCache-Control: no-cache\r\n\r\n"
        from Plex Media Server 1.32
    near "HTTP/1.1 200 OK\r\nX-Plexus: 1\r\n\r\n"

rule jellyfin
    match <title>Jellyfin</title>
    product Jellyfin
    cpe a:jellyfin:jellyfin
    example "HTTP/1.1 200 OK\r\nServer: Kestrel\r\n\r\n<title>Jellyfin</title>"
        from Jellyfin 10.8
    near "HTTP/1.1 200 OK\r\nServer: Kestrel\r\n\r\n<title>Jelly</title>"

rule emby
    match <title>Emby</title>
    product Emby
    cpe a:emby:emby
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Emby</title>"
        from Emby 4.7
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Ember</title>"

rule home-assistant
    match <title>Home Assistant</title>
    product Home Assistant
    cpe a:home-assistant:home-assistant
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Home Assistant</title>"
        from Home Assistant 2023.11
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Home</title>"

rule synology
    match <title>[^<\r\n]*Synology
    product Synology DiskStation Manager
    device storage
    cpe o:synology:diskstation_manager
    example "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n<title>NAS&nbsp;-&nbsp;Synology&nbsp;NAS</title>"
        from Synology DSM 7
    near "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n<title>Synologie</title>"

rule qnap
    header Server: http server (?<version>[\d.]+)\r\n
    product QNAP QTS web server
    device storage
    cpe o:qnap:qts
    example "HTTP/1.1 200 OK\r\nServer: http server 1.0\r\n\r\n"
        from QNAP QTS 5
        is version 1.0
    near "HTTP/1.1 200 OK\r\nServer: httpserver 1.0\r\n\r\n"

rule pfsense
    match <title>pfSense - Login</title>
    product pfSense
    os FreeBSD
    device firewall
    cpe a:netgate:pfsense
    example "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n<title>pfSense - Login</title>"
        from pfSense 2.7
    near "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n<title>pf</title>"

rule opnsense
    match <title>Login \| OPNsense</title>
    product OPNsense
    os FreeBSD
    device firewall
    cpe a:opnsense:opnsense
    example "HTTP/1.1 200 OK\r\nServer: OPNsense\r\n\r\n<title>Login | OPNsense</title>"
        from OPNsense 23
    near "HTTP/1.1 200 OK\r\nServer: OPN\r\n\r\n<title>OPN</title>"

rule mikrotik
    match <title>RouterOS router configuration page</title>
    product MikroTik RouterOS
    os RouterOS
    device router
    cpe o:mikrotik:routeros
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>RouterOS router confi"
        "guration page</title>"
        from RouterOS 6
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>router configuration page</title>"

rule luci
    match URL=(?:/)?cgi-bin/luci
    product OpenWrt LuCI
    os Linux
    device router
    cpe o:openwrt:openwrt
    example
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<meta http-equiv=\"refresh\" c"
        "ontent=\"0; URL=cgi-bin/luci/\" />"
        from OpenWrt 22.03
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nURL=cgi-bin/lucy"

rule unifi
    match <title>UniFi Network</title>|<title>UniFi
    product Ubiquiti UniFi Network
    cpe a:ui:unifi_network_application
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>UniFi Network</title>"
        from UniFi Network 7
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>UniFy</title>"

rule fortigate
    header Server: xxxxxxxx-xxxxx\r\n
    product Fortinet FortiGate
    os FortiOS
    device firewall
    cpe o:fortinet:fortios
    example "HTTP/1.1 200 OK\r\nServer: xxxxxxxx-xxxxx\r\n\r\n"
        from FortiGate, FortiOS 6
    near "HTTP/1.1 200 OK\r\nServer: xxxxxxxx\r\n\r\n"

rule sonicwall
    header Server: SonicWALL(?: SSL-VPN Web Server)?\r\n
    product SonicWall
    os SonicOS
    device firewall
    cpe o:sonicwall:sonicos
    example "HTTP/1.1 200 OK\r\nServer: SonicWALL\r\n\r\n"
        from SonicWall SonicOS
    near "HTTP/1.1 200 OK\r\nServer: SonicWAL\r\n\r\n"

rule bigip
    header Set-Cookie: BIGipServer[^=\r\n]*=
    product F5 BIG-IP load balancer
    device load balancer
    cpe a:f5:big-ip_local_traffic_manager
    example
        "HTTP/1.1 200 OK\r\nServer: Apache\r\nSet-Cookie: BIGipServerpool_web=1677787"
        "402.20480.0000; path=/\r\n\r\n"
        from F5 BIG-IP LTM
    near "HTTP/1.1 200 OK\r\nSet-Cookie: BIGip=1\r\n\r\n"

rule bigip-redirect
    header Server: BigIP\r\n
    product F5 BIG-IP load balancer
    device load balancer
    cpe a:f5:big-ip_local_traffic_manager
    example "HTTP/1.1 200 OK\r\nLocation: https://example.org/\r\nServer: BigIP\r\n\r\n"
        from F5 BIG-IP, redirect
    near "HTTP/1.1 200 OK\r\nServer: BigI\r\n\r\n"

rule netscaler
    header Set-Cookie: NSC_[^=\r\n]*=
    product Citrix NetScaler
    device load balancer
    cpe a:citrix:netscaler_gateway
    example "HTTP/1.1 200 OK\r\nSet-Cookie: NSC_AAAC=xyz;HttpOnly;Path=/;Secure\r\n\r\n"
        from Citrix Gateway 13
    near "HTTP/1.1 200 OK\r\nSet-Cookie: NSA_AAAC=0\r\n\r\n"

rule anyconnect
    header Set-Cookie: webvpn(?:login|context|lang)=
    product Cisco AnyConnect
    device firewall
    cpe o:cisco:adaptive_security_appliance_software
    example "HTTP/1.1 200 OK\r\nSet-Cookie: webvpnlogin=1; path=/; secure\r\n\r\n"
        from Cisco ASA 9
    near "HTTP/1.1 200 OK\r\nSet-Cookie: web=1\r\n\r\n"

rule globalprotect
    match <title>GlobalProtect Portal</title>
    product Palo Alto GlobalProtect
    os PAN-OS
    device firewall
    cpe o:paloaltonetworks:pan-os
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>GlobalProtect Portal</title>"
        from PAN-OS 10
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Portal</title>"

rule pulse
    header Set-Cookie: DSSIGNIN=
    product Pulse Connect Secure
    device VPN gateway
    cpe a:pulsesecure:pulse_connect_secure
    example "HTTP/1.1 200 OK\r\nSet-Cookie: DSSIGNIN=url_default; path=/dana-na/\r\n\r\n"
        from Pulse Connect Secure 9
    near "HTTP/1.1 200 OK\r\nSet-Cookie: DSIGN=1\r\n\r\n"

rule hikvision
    header Server: (?:App-webs|DNVRS-Webs|Hikvision-Webs)/?
    product Hikvision IP camera
    device webcam
    cpe o:hikvision:ip_camera_firmware
    example "HTTP/1.1 200 OK\r\nServer: App-webs/\r\n\r\n"
        from Hikvision camera
    near "HTTP/1.1 200 OK\r\nServer: App-web\r\n\r\n"

rule dahua
    match <title>WEB SERVICE</title>
    product Dahua DVR
    device webcam
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>WEB SERVICE</title>"
        from Dahua DVR
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>WEB</title>"

rule axis
    match <title>AXIS</title>|/view/viewer_index\.shtml
    product Axis network camera
    device webcam
    example
        "HTTP/1.1 200 OK\r\nServer: Apache\r\n\r\n<meta http-equiv=\"refresh\" content=\"0"
        ";URL=/view/viewer_index.shtml\">"
        from Axis camera, firmware 6
    near "HTTP/1.1 200 OK\r\nServer: Apache\r\n\r\n/view/index.shtml"

rule hp-printer
    header Server: HP HTTP Server; HP (?<product>[^;\r\n]+)
    product HP ${product}
    device printer
    example
        "HTTP/1.1 200 OK\r\nServer: HP HTTP Server; HP LaserJet 400 M401dn - CF278A"
        "; Serial Number: 0\r\n\r\n"
        from HP LaserJet 400
        is product HP LaserJet 400 M401dn - CF278A
    near "HTTP/1.1 200 OK\r\nServer: HP HTTP Serve; HP\r\n\r\n"

rule hp-chaisoe
    header Server: HP-ChaiSOE/(?<version>[\w.-]+)
    product HP-ChaiSOE
    device printer
    example "HTTP/1.1 200 OK\r\nServer: HP-ChaiSOE/1.0\r\n\r\n"
        from HP LaserJet 4050
        is version 1.0
    near "HTTP/1.1 200 OK\r\nServer: HP-Chai/1\r\n\r\n"

rule kyocera
    header Server: KM-MFP-http/V?(?<version>[\d.]+)
    product Kyocera printer
    device printer
    example "HTTP/1.1 200 OK\r\nServer: KM-MFP-http/V0.0.1\r\n\r\n"
        from Kyocera ECOSYS
        is version 0.0.1
    near "HTTP/1.1 200 OK\r\nServer: KM-MFP/1\r\n\r\n"

rule brother
    header Server: debut/(?<version>[\w.-]+)
    product Brother debut
    device printer
    example "HTTP/1.1 200 OK\r\nServer: debut/1.30\r\n\r\n"
        from Brother HL-L2350DW
        is version 1.30
    near "HTTP/1.1 200 OK\r\nServer: debute/1\r\n\r\n"

rule epson
    header Server: EPSON[ _-](?:HTTP|Linux)
    product Epson printer
    device printer
    example "HTTP/1.1 200 OK\r\nServer: EPSON_Linux UPnP/1.0 Epson UPnP SDK/1.0\r\n\r\n"
        from Epson WF-3720
    near "HTTP/1.1 200 OK\r\nServer: EPSO\r\n\r\n"

rule canon
    header Server: (?:CANON|Canon) HTTP Server(?: (?<version>[\w.]+))?
    product Canon printer
    device printer
    example "HTTP/1.1 200 OK\r\nServer: CANON HTTP Server Ver2.21\r\n\r\n"
        from Canon imageRUNNER
        is version Ver2.21
    near "HTTP/1.1 200 OK\r\nServer: CANON HTTPS Server\r\n\r\n"

rule ricoh
    header Server: Web-Server/(?<version>[\w.-]+)
    product Ricoh printer
    device printer
    example "HTTP/1.1 200 OK\r\nServer: Web-Server/3.0\r\n\r\n"
        from Ricoh Aficio
        is version 3.0
    near "HTTP/1.1 200 OK\r\nServer: Web-Serve/3\r\n\r\n"

rule lexmark
    header Server: Lexmark_Web_Server\r\n
    product Lexmark printer
    device printer
    example "HTTP/1.1 200 OK\r\nServer: Lexmark_Web_Server\r\n\r\n"
        from Lexmark MS410
    near "HTTP/1.1 200 OK\r\nServer: Lexmark\r\n\r\n"

rule xerox
    header Server: Xerox_MicroServer/(?<version>[\w.-]+)
    product Xerox MicroServer
    device printer
    example "HTTP/1.1 200 OK\r\nServer: Xerox_MicroServer/Xerox11\r\n\r\n"
        from Xerox Phaser 6510
        is version Xerox11
    near "HTTP/1.1 200 OK\r\nServer: Xerox_Micro/1\r\n\r\n"

rule cups
    service ipp
    header Server: CUPS/(?<version>[\w.-]+)
    product CUPS
    cpe a:openprinting:cups:${version}
    example "HTTP/1.1 200 OK\r\nServer: CUPS/2.4 IPP/2.1\r\nAccept-Encoding: gzip\r\n\r\n"
        from cups-daemon 2.4.2
        is version 2.4
    near "HTTP/1.1 200 OK\r\nServer: CUP/2\r\n\r\n"

rule sabnzbd
    match <title>SABnzbd
    product SABnzbd
    cpe a:sabnzbd:sabnzbd
    example "HTTP/1.1 200 OK\r\nServer: CherryPy/18\r\n\r\n<title>SABnzbd 3.7.2</title>"
        from SABnzbd 3
    near "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n<title>nzb</title>"

rule octoprint
    match <title>OctoPrint(?: Login)?</title>
    product OctoPrint
    cpe a:octoprint:octoprint
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>OctoPrint Login</title>"
        from OctoPrint 1.9
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Octo</title>"

rule rabbitmq-management
    match <title>RabbitMQ Management</title>
    product RabbitMQ management
    cpe a:vmware:rabbitmq
    example "HTTP/1.1 200 OK\r\nserver: Cowboy\r\n\r\n<title>RabbitMQ Management</title>"
        from rabbitmq-server 3.10.8
    near "HTTP/1.1 200 OK\r\nserver: Cowboy\r\n\r\n<title>Rabbit</title>"

rule activemq-console
    match <title>Apache ActiveMQ</title>
    product Apache ActiveMQ console
    cpe a:apache:activemq
    example "HTTP/1.1 200 OK\r\nServer: Jetty(9.4)\r\n\r\n<title>Apache ActiveMQ</title>"
        from ActiveMQ 5.17
    near "HTTP/1.1 200 OK\r\nServer: Jetty(9.4)\r\n\r\n<title>Active</title>"

rule hadoop-namenode
    match <title>Namenode information</title>
    product Apache Hadoop NameNode
    cpe a:apache:hadoop
    example "HTTP/1.1 200 OK\r\nServer: Jetty(6.1.26)\r\n\r\n<title>Namenode information</title>"
        from Hadoop 2 NameNode
    near "HTTP/1.1 200 OK\r\nServer: Jetty\r\n\r\n<title>Namenode</title>"

rule spark
    match <title>Spark Master at spark://(?<host>[\w.-]+)
    product Apache Spark master
    cpe a:apache:spark
    example "HTTP/1.1 200 OK\r\nServer: Jetty(9.4)\r\n\r\n<title>Spark Master at spark://node1:7077</title>"
        from Spark 3 master
        is host node1
    near "HTTP/1.1 200 OK\r\nServer: Jetty\r\n\r\n<title>Spark</title>"

rule jupyter
    match <title>(?:Jupyter Notebook|JupyterLab|Jupyter Server|Home Page - Select or create a notebook)</title>
    product Jupyter
    cpe a:jupyter:notebook
    example "HTTP/1.1 200 OK\r\nServer: TornadoServer/6.2\r\n\r\n<title>Jupyter Notebook</title>"
        from Jupyter Notebook 6
    near "HTTP/1.1 200 OK\r\nServer: TornadoServer/6.2\r\n\r\n<title>Jupiter</title>"

rule portainer
    match <title>Portainer</title>
    product Portainer
    cpe a:portainer:portainer
    example "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Portainer</title>"
        from Portainer 2
    near "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Port</title>"

rule rancher
    header X-Rancher-Version: v?(?<version>\d[\w.-]*)
    product Rancher
    cpe a:suse:rancher:${version}
    example "HTTP/1.1 200 OK\r\nX-Rancher-Version: v2.7.5\r\n\r\n"
        from Rancher 2.7.5
        is version 2.7.5
    near "HTTP/1.1 200 OK\r\nX-Ranch: 1\r\n\r\n"

rule go-404
    match ^HTTP/1\.[01] 404 Not Found\r\n
    header X-Content-Type-Options: nosniff\r\n
    unless \r\nAccess-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n
    match \r\n\r\n404 page not found\n\z
    product Go net/http server
    cpe a:golang:go
    example
        "HTTP/1.0 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nX-Conte"
        "nt-Type-Options: nosniff\r\nDate: Thu, 26 Nov 2026 02:45:00 GMT\r\nContent-L"
        "ength: 19\r\n\r\n404 page not found\n"
        from Go 1.19, net/http
    near "HTTP/1.0 404 Not Found\r\nX-Content-Type-Options: nosniff\r\n\r\n404 not found\n"

rule go-400
    match ^HTTP/1\.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request
    product Go net/http server
    cpe a:golang:go
    example
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConne"
        "ction: close\r\n\r\n400 Bad Request"
        from Go 1.19, net/http
    near "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request"

rule go-tls
    match ^HTTP/1\.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server\.\n
    product Go net/http server
    extra TLS wanted
    cpe a:golang:go
    example "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
        from Go 1.19, net/http behind TLS
    near "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request\n"
