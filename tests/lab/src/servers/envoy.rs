//! Envoy as a proxy.

use std::net::SocketAddr;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Proxy, Server};
use crate::network::Host;
use crate::tools;

pub(super) fn start(proxy: &Proxy, host: &Host, name: &str) -> Result<Server> {
    let program = tools::envoy()?;
    let folder = host.folder()?.join(name);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("envoy.json");
    std::fs::write(&path, serde_json::to_string_pretty(&config(proxy))?)?;
    let mut words = vec![program.into(), "-c".into(), path.into()];
    words.extend(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"].map(Into::into));
    Server::start_program(name, host, words, proxy.ports())
}

fn config(proxy: &Proxy) -> Value {
    let listeners: Vec<Value> = proxy.listen.iter().map(|listen| listener(proxy, *listen)).collect();
    let endpoints: Vec<Value> =
        proxy.origins.iter().map(|origin| json!({"endpoint": {"address": address(*origin)}})).collect();
    let mut cluster = json!({
        "name": "origins",
        "type": "STATIC",
        "connect_timeout": seconds(proxy.connect_timeout),
        // A connection per request, so that what a firewall does to new connections shows at once.
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "common_http_protocol_options": {"max_requests_per_connection": 1},
            "explicit_http_config": if proxy.manner.http2 { json!({"http2_protocol_options": {}}) } else { json!({"http_protocol_options": {}}) },
        }},
        "load_assignment": {"cluster_name": "origins", "endpoints": [{"lb_endpoints": endpoints}]},
    });
    if let Some(most) = proxy.max_connections {
        cluster["circuit_breakers"] = json!({"thresholds": [{
            "max_connections": most, "max_pending_requests": 1, "max_requests": most,
        }]});
    }
    if proxy.origin_tls {
        cluster["transport_socket"] = upstream_tls(proxy);
    }
    if let Some(version) = proxy.manner.preamble {
        let inner = match cluster.get("transport_socket") {
            Some(tls) => tls.clone(),
            None => json!({"name": "envoy.transport_sockets.raw_buffer", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"}}),
        };
        cluster["transport_socket"] = json!({
            "name": "envoy.transport_sockets.upstream_proxy_protocol",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
                "config": {"version": if version == 1 { "V1" } else { "V2" }},
                "transport_socket": inner,
            },
        });
    }
    json!({"static_resources": {"listeners": listeners, "clusters": [cluster]}})
}

fn listener(proxy: &Proxy, listen: SocketAddr) -> Value {
    let mut route = json!({"cluster": "origins", "timeout": seconds(proxy.read_timeout)});
    if let Some(host) = &proxy.manner.host {
        route["host_rewrite_literal"] = json!(host);
    }
    let routes = json!({
        "virtual_hosts": [{
            "name": "site",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": route}],
        }],
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge",
        "route_config": routes,
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
    });
    let mut chain =
        json!({"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]});
    if let Some(leaf) = &proxy.tls {
        chain["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {"tls_certificates": [{
                    "certificate_chain": {"filename": leaf.certificate},
                    "private_key": {"filename": leaf.key},
                }]},
            },
        });
    }
    json!({"address": address(listen), "filter_chains": [chain]})
}

fn upstream_tls(proxy: &Proxy) -> Value {
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {},
    });
    if proxy.manner.tls12 {
        context["common_tls_context"]["tls_params"] = json!({"tls_maximum_protocol_version": "TLSv1_2"});
    }
    if proxy.manner.http2 {
        context["common_tls_context"]["alpn_protocols"] = json!(["h2"]);
    }
    if let Some(name) = proxy.server_name.as_ref().filter(|_| !proxy.manner.no_server_name) {
        context["sni"] = json!(name);
    }
    if let Some(authority) = &proxy.verify {
        context["common_tls_context"]["validation_context"] = json!({"trusted_ca": {"filename": authority}});
        if let Some(name) = &proxy.server_name {
            context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] =
                json!([{"san_type": "DNS", "matcher": {"exact": name}}]);
        }
    }
    json!({"name": "envoy.transport_sockets.tls", "typed_config": context})
}

fn address(socket: SocketAddr) -> Value {
    json!({"socket_address": {"address": socket.ip().to_string(), "port_value": socket.port()}})
}

fn seconds(duration: std::time::Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}
