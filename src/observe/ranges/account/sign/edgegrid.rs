//! Akamai's EdgeGrid, `EG1-HMAC-SHA256`: the key is derived from the moment.
//!
//! Source: the authentication scheme of the EdgeGrid clients, techdocs.akamai.com/developer/docs/edgegrid.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::keys::{AKAMAI_ACCESS, AKAMAI_CLIENT, AKAMAI_SECRET, Keys};
use super::{Call, Stamp, sha256, sign};

/// The one header that the request needs beside its own. No other header is signed: Akamai's APIs ask for none.
pub fn headers(call: &Call, host: &str, keys: &Keys, stamp: &Stamp) -> Vec<(&'static str, String)> {
    let timestamp = stamp.now.strftime("%Y%m%dT%H:%M:%S+0000").to_string();
    let unsigned = format!(
        "EG1-HMAC-SHA256 client_token={};access_token={};timestamp={timestamp};nonce={};",
        keys.get(AKAMAI_CLIENT),
        keys.get(AKAMAI_ACCESS),
        stamp.nonce
    );
    let query = call.canonical_query();
    let path = if query.is_empty() { call.path.clone() } else { format!("{}?{query}", call.path) };
    let posted = call.method == http::Method::POST && !call.body.is_empty();
    // The clients sign at most 128 KiB of a body; ours are far below.
    let hash = if posted { STANDARD.encode(sha256(&call.body)) } else { String::new() };
    let text = format!("{}\thttps\t{host}\t{path}\t\t{hash}\t{unsigned}", call.method);
    let key = STANDARD.encode(sign(keys.get(AKAMAI_SECRET).as_bytes(), &timestamp));
    let signature = STANDARD.encode(sign(key.as_bytes(), &text));
    vec![("authorization", format!("{unsigned}signature={signature}"))]
}

#[cfg(test)]
mod tests {
    use super::super::super::keys::Keys;
    use super::*;
    use crate::api::proxy_network::Product;
    use secrecy::SecretString;

    /// The cases without signed headers of the test data that Akamai's own clients share (test/test_data.json of
    /// AkamaiOPEN-edgegrid-node, the same in -golang and -python), with its tokens, nonce and moment.
    #[test]
    fn the_clients_test_data_gives_its_signatures() {
        let keys = Keys::of(Product::AkamaiSiteShield, |name| {
            Some(SecretString::from(match name {
                AKAMAI_CLIENT => "akab-client-token-xxx-xxxxxxxxxxxxxxxx",
                AKAMAI_ACCESS => "akab-access-token-xxx-xxxxxxxxxxxxxxxx",
                _ => "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=",
            }))
        })
        .unwrap();
        let stamp = Stamp {
            now: "2014-03-21T19:34:21Z".parse().unwrap(),
            nonce: "nonce-xx-xxxx-xxxx-xxxx-xxxxxxxxxxxx".to_owned(),
        };
        let data = "datadatadatadatadatadatadatadata";
        let puts = "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP";
        let logs = vec![("from", "12345".to_owned()), ("limit", "200000".to_owned())];
        let pair = vec![("p1", "1".to_owned()), ("p2", "2".to_owned())];
        for (method, path, query, body, wanted) in [
            ("GET", "/", Vec::new(), "", "tL+y4hxyHxgWVD30X3pWnGKHcPzmrIF+LThiAOhMxYU="),
            ("GET", "/testapi/v1/t1", pair, "", "hKDH1UlnQySSHjvIcZpDMbQHihTQ0XyVAKZaApabdeA="),
            ("POST", "/testapi/v1/t3", Vec::new(), data, "hXm4iCxtpN22m4cbZb4lVLW5rhX8Ca82vCFqXzSTPe4="),
            ("POST", "/testapi/v1/t6", Vec::new(), "", "1gEDxeQGD5GovIkJJGcBaKnZ+VaPtrc4qBUHixjsPCQ="),
            ("PUT", "/testapi/v1/t6", Vec::new(), puts, "GNBWEYSEWOLtu+7dD52da2C39aX/Jchpon3K/AmBqBU="),
            ("GET", "/testapi/v1/configs/111", logs, "", "XM+hsuSs6nuy/5eDRty1IjtVCAdr8xPFRAZ/b8RXDm8="),
        ] {
            let call = Call {
                method: method.parse().unwrap(),
                path: path.to_owned(),
                query,
                body: body.to_owned(),
                action: "",
                version: "",
            };
            let host = "akaa-baseurl-xxxxxxxxxxx-xxxxxxxxxxxxx.luna.akamaiapis.net";
            let [(name, value)] = headers(&call, host, &keys, &stamp).try_into().unwrap();
            assert_eq!(name, "authorization");
            let said = "EG1-HMAC-SHA256 client_token=akab-client-token-xxx-xxxxxxxxxxxxxxxx;\
                        access_token=akab-access-token-xxx-xxxxxxxxxxxxxxxx;timestamp=20140321T19:34:21+0000;\
                        nonce=nonce-xx-xxxx-xxxx-xxxx-xxxxxxxxxxxx;";
            assert_eq!(value, format!("{said}signature={wanted}"), "{method} {path}");
        }
    }
}
