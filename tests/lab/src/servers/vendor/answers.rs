//! What each vendor answers, in the shapes of its documents: lists, refusals and acknowledgements.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::signatures::{self, Bad, Good};
use super::{Book, Request, Trouble};

/// Which vendor is meant: each signs in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Alibaba,
    Tencent,
    Akamai,
    Huawei,
}

/// When an announced version is used, in Beijing and as the documents write it.
const PLANNED: &str = "2099-01-31T08:00:00Z";
/// The same moment in milliseconds.
const REQUIRED_BY: i64 = 4_073_500_800_000;

/// Status and body.
pub fn answer(request: &Request, book: &mut Book) -> (u16, String) {
    match book.trouble {
        Some(Trouble::Page) => return (503, "<html>lab-page-canary</html>".to_owned()),
        Some(Trouble::Moves) => return (302, String::new()),
        _ => {}
    }
    let scheme = request.header("authorization").split(' ').next().unwrap_or_default().to_owned();
    let now = Timestamp::from_second(Timestamp::now().as_second() + book.ahead).unwrap_or_default();
    let (kind, checked) = match scheme.as_str() {
        "ACS3-HMAC-SHA256" => (Kind::Alibaba, signatures::alibaba(request, now)),
        "TC3-HMAC-SHA256" => (Kind::Tencent, signatures::tencent(request, "teo", now)),
        "EG1-HMAC-SHA256" => (Kind::Akamai, signatures::akamai(request, now)),
        _ => (Kind::Huawei, signatures::huawei(request)),
    };
    let good = match checked {
        Ok(good) => good,
        Err(bad) => return refusal(kind, Refused::Bad(bad)),
    };
    if let Good { nonce: Some(nonce) } = good
        && !book.nonces.insert(nonce)
    {
        return refusal(kind, Refused::Bad(Bad::Signature));
    }
    let operation = operation(kind, request);
    book.asked.push(operation.clone());
    let acknowledges = matches!(
        operation.as_str(),
        "UpdateOriginProtectionIpWhiteList" | "ConfirmOriginACLUpdate" | "POST acknowledge"
    );
    match book.trouble {
        Some(Trouble::Throttles) => return refusal(kind, Refused::Throttled),
        Some(Trouble::NoRightToRead) if !acknowledges => return refusal(kind, Refused::Right),
        Some(Trouble::NoRightToAcknowledge) if acknowledges => return refusal(kind, Refused::Right),
        Some(Trouble::SecondFails) if book.asked.len().is_multiple_of(2) => {
            return (500, json!({"Code": "InternalError"}).to_string());
        }
        Some(Trouble::Strange) => return (200, json!({"lists": [{"cidr": "198.51.100.0/24"}]}).to_string()),
        _ => {}
    }
    if acknowledges {
        let version = book.next.as_ref().map_or_else(|| book.version.clone(), |next| next.version.clone());
        book.acknowledged.push(version);
        if operation == "UpdateOriginProtectionIpWhiteList" {
            book.switch();
        }
        if book.trouble == Some(Trouble::LosesAcknowledgement) {
            return (502, "<html>bad gateway</html>".to_owned());
        }
    }
    let body = match listed(&operation, request, book) {
        Some(body) => body,
        None => return refusal(kind, Refused::Unknown),
    };
    (200, body.to_string())
}

fn operation(kind: Kind, request: &Request) -> String {
    match kind {
        Kind::Alibaba => request.header("x-acs-action").to_owned(),
        Kind::Tencent => request.header("x-tc-action").to_owned(),
        Kind::Akamai if request.path.ends_with("/acknowledge") => format!("{} acknowledge", request.method),
        Kind::Akamai | Kind::Huawei => request.path.clone(),
    }
}

fn of(list: &[String], v6: bool) -> Vec<&String> {
    list.iter().filter(|prefix| prefix.contains(':') == v6).collect()
}

fn families(list: &[String]) -> Value {
    json!({"IPv4": of(list, false), "IPv6": of(list, true)})
}

/// The answer; nothing where the resource is not known.
fn listed(operation: &str, request: &Request, book: &Book) -> Option<Value> {
    let query = |pair: &str| request.query.split('&').any(|found| found == pair);
    let id = "CB1A380B-09F0-41BB-A198-72F8FD6DA2FE";
    match operation {
        "DescribeBackSourceCidr" => {
            let v6 = query("IpVersion=Ipv6");
            (v6 || query("IpVersion=Ipv4")).then(|| json!({"RequestId": id, "Cidrs": of(&book.list, v6)}))
        }
        "DescribeWafSourceIpSegment" => query("InstanceId=waf_v2_public_cn-lab")
            .then(|| json!({"RequestId": id, "WafSourceIp": families(&book.list)})),
        "GetOriginProtection" if query("SiteId=1234") => {
            let latest = book.next.as_ref().map_or(&book.list, |next| &next.list);
            Some(json!({
                "RequestId": id, "SiteId": 1234, "OriginProtection": "on", "NeedUpdate": book.next.is_some(),
                "CurrentIPWhitelist": families(&book.list), "LatestIPWhitelist": families(latest),
            }))
        }
        "UpdateOriginProtectionIpWhiteList" if query("SiteId=1234") => Some(json!({"RequestId": id})),
        "DescribeOriginACL" if request.body == r#"{"ZoneId":"zone-lab"}"# => {
            let next = book.next.as_ref().map(|next| {
                json!({"Version": next.version, "PlannedActiveTime": PLANNED, "EntireAddresses": families(&next.list)})
            });
            Some(json!({"Response": {"RequestId": id, "OriginACLInfo": {
                "Status": "online", "NextOriginACL": next,
                "CurrentOriginACL": {"Version": book.version, "ActiveTime": PLANNED, "IsPlaned": "true", "EntireAddresses": families(&book.list)},
            }}}))
        }
        "ConfirmOriginACLUpdate" if request.body == r#"{"ZoneId":"zone-lab"}"# => {
            Some(json!({"Response": {"RequestId": id}}))
        }
        "/siteshield/v1/maps/1234" | "POST acknowledge" => {
            let next = book.next.as_ref();
            let acknowledged = next.is_some_and(|next| book.acknowledged.contains(&next.version));
            Some(json!({
                "id": 1234, "currentCidrs": book.list, "acknowledged": acknowledged,
                "proposedCidrs": next.map_or(&book.list, |next| &next.list),
                "acknowledgeRequiredBy": next.map(|_| REQUIRED_BY),
            }))
        }
        "/v2/aad/source-ip" => {
            query("overseas_type=0").then(|| json!({"ips": [{"data_center": "lab", "isp": "BGP", "ip": book.list}]}))
        }
        "/v1/lab-project/waf/config/source-ip" => {
            Some(json!({"source_ip": [{"ips": book.list, "update_time": 1}], "last_modify": 1}))
        }
        _ => None,
    }
}

enum Refused {
    Bad(Bad),
    Throttled,
    Right,
    Unknown,
}

/// A refusal in the vendor's words, which are not to be repeated.
fn refusal(kind: Kind, why: Refused) -> (u16, String) {
    let (status, code) = match (kind, &why) {
        (Kind::Alibaba, Refused::Bad(Bad::Key)) => (404, "InvalidAccessKeyId.NotFound"),
        (Kind::Alibaba, Refused::Bad(Bad::Signature)) => (400, "SignatureDoesNotMatch"),
        (Kind::Alibaba, Refused::Bad(Bad::Clock)) => (400, "InvalidTimeStamp.Expired"),
        (Kind::Alibaba, Refused::Bad(Bad::Form)) => (400, "IncompleteSignature"),
        (Kind::Alibaba, Refused::Throttled) => (400, "Throttling.User"),
        (Kind::Alibaba, Refused::Right) => (403, "Forbidden.RAM"),
        (Kind::Alibaba, Refused::Unknown) => (404, "SiteNotFound"),
        (Kind::Tencent, Refused::Bad(Bad::Key)) => (200, "AuthFailure.SecretIdNotFound"),
        (Kind::Tencent, Refused::Bad(Bad::Signature)) => (200, "AuthFailure.SignatureFailure"),
        (Kind::Tencent, Refused::Bad(Bad::Clock)) => (200, "AuthFailure.SignatureExpire"),
        (Kind::Tencent, Refused::Bad(Bad::Form)) => (200, "AuthFailure.InvalidAuthorization"),
        (Kind::Tencent, Refused::Throttled) => (200, "RequestLimitExceeded"),
        (Kind::Tencent, Refused::Right) => (200, "AuthFailure.UnauthorizedOperation"),
        (Kind::Tencent, Refused::Unknown) => (200, "ResourceNotFound"),
        (_, Refused::Bad(Bad::Clock)) => (400, "Invalid timestamp"),
        (_, Refused::Bad(_)) => (401, "APIGW.0301"),
        (_, Refused::Throttled) => (429, "APIGW.0308"),
        (_, Refused::Right) => (403, "APIGW.0302"),
        (_, Refused::Unknown) => (404, "APIGW.0101"),
    };
    let said = "lab-refusal-canary: the string to sign was …";
    let body = match kind {
        Kind::Alibaba => json!({"RequestId": "x", "HostId": "lab", "Code": code, "Message": said, "Recommend": said}),
        Kind::Tencent => json!({"Response": {"Error": {"Code": code, "Message": said}, "RequestId": "x"}}),
        Kind::Akamai => {
            json!({"type": "https://problems.example/x", "title": code, "detail": said, "status": status})
        }
        Kind::Huawei => json!({"error_code": code, "error_msg": said}),
    };
    (status, body.to_string())
}
