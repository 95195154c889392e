//! Alibaba Cloud's signature version 3, `ACS3-HMAC-SHA256`.
//!
//! Source: "V3 request structure and signature", help.aliyun.com/en/sdk/product-overview/v3-request-structure-and-signature.

use std::collections::BTreeMap;

use super::super::keys::{ALIBABA_ID, ALIBABA_SECRET, ALIBABA_TOKEN, Keys};
use super::{Call, Stamp, hex, sha256, sign};

/// Name of the scheme.
const SCHEME: &str = "ACS3-HMAC-SHA256";

/// All headers that the request needs, `host` included.
pub fn headers(call: &Call, host: &str, keys: &Keys, stamp: &Stamp) -> Vec<(&'static str, String)> {
    let body = hex(sha256(&call.body).as_ref());
    let mut signed = BTreeMap::from([
        ("host", host.to_owned()),
        ("x-acs-action", call.action.to_owned()),
        ("x-acs-content-sha256", body.clone()),
        ("x-acs-date", stamp.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("x-acs-signature-nonce", stamp.nonce.clone()),
        ("x-acs-version", call.version.to_owned()),
    ]);
    if let Some(token) = keys.optional(ALIBABA_TOKEN) {
        signed.insert("x-acs-security-token", token.to_owned());
    }
    let canonical = signed.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join("\n");
    let names = signed.keys().copied().collect::<Vec<_>>().join(";");
    let (method, path, query) = (&call.method, &call.path, call.canonical_query());
    let request = format!("{method}\n{path}\n{query}\n{canonical}\n\n{names}\n{body}");
    let text = format!("{SCHEME}\n{}", hex(sha256(&request).as_ref()));
    let signature = hex(sign(keys.get(ALIBABA_SECRET).as_bytes(), &text).as_ref());
    let credential = keys.get(ALIBABA_ID);
    let authorization = format!("{SCHEME} Credential={credential},SignedHeaders={names},Signature={signature}");
    signed.into_iter().chain([("authorization", authorization)]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::keys::Keys;
    use super::*;
    use crate::api::proxy_network::Product;
    use secrecy::SecretString;

    /// The worked example of that page ("fixed parameters"): RunInstances in cn-shanghai, AccessKey pair YourAccessKeyId and
    /// YourAccessKeySecret. The signature is the one printed there.
    #[test]
    fn the_published_example_gives_the_published_signature() {
        let call = Call {
            method: http::Method::POST,
            path: "/".to_owned(),
            query: vec![
                ("RegionId", "cn-shanghai".to_owned()),
                ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd".to_owned()),
            ],
            body: String::new(),
            action: "RunInstances",
            version: "2014-05-26",
        };
        let stamp = Stamp {
            now: "2023-10-26T10:22:32Z".parse().unwrap(),
            nonce: "3156853299f313e23d1673dc12e1703d".to_owned(),
        };
        let keys = |token: Option<&'static str>| {
            Keys::of(Product::AlibabaAntiDDoS, |name| match name {
                ALIBABA_ID => Some(SecretString::from("YourAccessKeyId")),
                ALIBABA_SECRET => Some(SecretString::from("YourAccessKeySecret")),
                _ => token.map(SecretString::from),
            })
            .unwrap()
        };
        let found = headers(&call, "ecs.cn-shanghai.aliyuncs.com", &keys(None), &stamp);
        let wanted = "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;\
                      x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,\
                      Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0";
        assert_eq!(found.last().unwrap(), &("authorization", wanted.to_owned()));
        // A temporary key brings its token along, and signs it.
        let found = headers(&call, "ecs.cn-shanghai.aliyuncs.com", &keys(Some("sts-token")), &stamp);
        assert!(found.contains(&("x-acs-security-token", "sts-token".to_owned())));
        assert!(found.last().unwrap().1.contains(";x-acs-date;x-acs-security-token;x-acs-signature-nonce;"));
    }
}
