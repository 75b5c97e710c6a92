//! What Nginx Proxy Manager makes of a proxy host, for Debian's nginx: the directives that have a say in addresses,
//! bodies, times and logs, written anew. The program itself is an image that tests cannot get.

use std::net::SocketAddr;
use std::path::Path;

use crate::proxy::{HOST, from_repository, path};

/// The file for the tab "Advanced".
const ADVANCED: &str = "nginx-proxy-manager.conf";

/// What stands there for every host. Private networks are believed about X-Real-IP; here the loopback one stands for
/// them, since the test's clients come from it.
const OUTSIDE: &str = "user root;
worker_processes auto;
pid FOLDER/pid;
error_log FOLDER/fallback_error.log warn;
events {
    worker_connections 1024;
}
http {
    client_body_temp_path FOLDER/client_body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server_tokens off;
    proxy_connect_timeout 90s;
    proxy_send_timeout 90s;
    proxy_read_timeout 90s;
    client_max_body_size 2000m;
    proxy_http_version 1.1;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header Accept-Encoding \"\";
    log_format proxy '$status $request_method $host \"$request_uri\" [Client $remote_addr] \"$http_user_agent\"';
    access_log FOLDER/fallback_access.log proxy;
    set_real_ip_from 127.0.0.0/8;
    real_ip_header X-Real-IP;
    real_ip_recursive on;
    server {
        set $forward_scheme http;
        set $server \"RELAY_ADDRESS\";
        set $port RELAY_PORT;
        listen HTTPS ssl http2;
        server_name HOST;
        ssl_certificate FOLDER/certificate.pem;
        ssl_certificate_key FOLDER/key.pem;
        add_header Strict-Transport-Security \"max-age=63072000; preload\" always;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;
        proxy_http_version 1.1;
        access_log FOLDER/proxy-host-1_access.log proxy;
        error_log FOLDER/proxy-host-1_error.log warn;
INSIDE
    }
}
";

/// The location that it writes where the tab "Advanced" has none.
const LOCATION: &str = "location / {
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $http_connection;
    proxy_http_version 1.1;
    add_header X-Served-By $host;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_pass $forward_scheme://$server:$port$request_uri;
}
";

/// With our file in the tab "Advanced", or with nothing there.
pub(crate) fn manager(
    folder: &Path,
    relay: SocketAddr,
    https: SocketAddr,
    is_ours: bool,
) -> String {
    let inside = match is_ours {
        true => from_repository(ADVANCED),
        false => LOCATION.to_owned(),
    };
    OUTSIDE
        .replace("INSIDE", &inside)
        .replace("FOLDER", path(folder, "").trim_end_matches('/'))
        .replace("RELAY_ADDRESS", &relay.ip().to_string())
        .replace("RELAY_PORT", &relay.port().to_string())
        .replace("HTTPS", &https.to_string())
        .replace("HOST", HOST)
}
