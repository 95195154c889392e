//! Tencent Cloud's signature version 3, `TC3-HMAC-SHA256`: the key is derived anew for each day and service.
//!
//! Source: "Signature Method v3", www.tencentcloud.com/document/api/213/33224.

use super::super::keys::{Keys, TENCENT_ID, TENCENT_KEY, TENCENT_TOKEN};
use super::{Call, Stamp, hex, sha256, sign};

/// Name of the scheme.
const SCHEME: &str = "TC3-HMAC-SHA256";
/// Type of every body.
const JSON: &str = "application/json; charset=utf-8";

/// All headers that the request needs, `host` included. `service` is the first label of the service's own host.
pub fn headers(call: &Call, host: &str, service: &str, keys: &Keys, stamp: &Stamp) -> Vec<(&'static str, String)> {
    const NAMES: &str = "content-type;host;x-tc-action";
    let action = call.action.to_ascii_lowercase();
    let canonical = format!("content-type:{JSON}\nhost:{host}\nx-tc-action:{action}\n");
    let body = hex(sha256(&call.body).as_ref());
    let (method, path, query) = (&call.method, &call.path, call.canonical_query());
    let request = format!("{method}\n{path}\n{query}\n{canonical}\n{NAMES}\n{body}");
    let (seconds, day) = (stamp.now.as_second(), stamp.now.strftime("%Y-%m-%d").to_string());
    let scope = format!("{day}/{service}/tc3_request");
    let text = format!("{SCHEME}\n{seconds}\n{scope}\n{}", hex(sha256(&request).as_ref()));
    let of_day = sign(&[b"TC3".as_slice(), keys.get(TENCENT_KEY).as_bytes()].concat(), &day);
    let of_service = sign(of_day.as_ref(), service);
    let key = sign(of_service.as_ref(), "tc3_request");
    let signature = hex(sign(key.as_ref(), &text).as_ref());
    let credential = keys.get(TENCENT_ID);
    let authorization =
        format!("{SCHEME} Credential={credential}/{scope}, SignedHeaders={NAMES}, Signature={signature}");
    let mut headers = vec![
        ("content-type", JSON.to_owned()),
        ("host", host.to_owned()),
        ("x-tc-action", call.action.to_owned()),
        ("x-tc-version", call.version.to_owned()),
        ("x-tc-timestamp", seconds.to_string()),
        ("authorization", authorization),
    ];
    if let Some(token) = keys.optional(TENCENT_TOKEN) {
        headers.push(("x-tc-token", token.to_owned()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::super::super::keys::Keys;
    use super::*;
    use crate::api::proxy_network::Product;
    use secrecy::SecretString;

    /// The worked example of that page: DescribeInstances of cvm on 2019-02-25, with the key as it stands there, asterisks
    /// and all. The signature is the one printed there.
    #[test]
    fn the_published_example_gives_the_published_signature() {
        let call = Call {
            method: http::Method::POST,
            path: "/".to_owned(),
            query: Vec::new(),
            body: r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#
                .to_owned(),
            action: "DescribeInstances",
            version: "2017-03-12",
        };
        let stamp = Stamp { now: "2019-02-25T16:44:25Z".parse().unwrap(), nonce: String::new() };
        let id = "AKID********************************";
        let keys = Keys::of(Product::TencentEdgeOne, |name| match name {
            TENCENT_ID => Some(SecretString::from(id)),
            TENCENT_KEY => Some(SecretString::from("********************************")),
            _ => None,
        })
        .unwrap();
        let found = headers(&call, "cvm.tencentcloudapi.com", "cvm", &keys, &stamp);
        let wanted = format!(
            "TC3-HMAC-SHA256 Credential={id}/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host;x-tc-action, \
             Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
        );
        assert!(found.contains(&("authorization", wanted)), "{found:?}");
        assert!(found.contains(&("x-tc-timestamp", "1551113065".to_owned())));
        assert!(found.contains(&("content-type", "application/json; charset=utf-8".to_owned())), "as it was signed");
    }
}
