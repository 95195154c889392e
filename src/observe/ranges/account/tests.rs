use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use lab::certificates::{Authority, State};
use lab::servers::Vendor;
use lab::servers::vendor::{self, Trouble};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::SecretString;
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use super::keys::KeyProblem;
use super::refusal::Why;
use super::*;
use crate::api::conditions::Reason;
use crate::net::guard::Checked;
use crate::observe::ranges::parse::{ParseProblem, Unreachable};
use crate::observe::ranges::{FeedClient, FeedError, Gate, Lookup, LookupError};

const LIST: [&str; 3] = ["47.0.0.0/25", "47.1.0.0/24", "2408:400a::/56"];

fn account(spec: &Value) -> Result<Account, String> {
    Account::new(&serde_json::from_value(spec.clone()).unwrap()).map_err(|invalid| invalid.to_string())
}

/// An account of each product, at this endpoint.
fn of(product: Product, endpoint: &str) -> Account {
    let mut spec = json!({"product": product, "secretRef": {"name": "lab-key"}, "endpoint": endpoint});
    let resource = match product {
        Product::AlibabaWAF => "waf_v2_public_cn-lab",
        Product::AlibabaESA | Product::AkamaiSiteShield => "1234",
        Product::TencentEdgeOne => "zone-lab",
        Product::HuaweiWAF => "lab-project",
        Product::AlibabaAntiDDoS | Product::HuaweiAAD => "",
    };
    if !resource.is_empty() {
        spec["resourceID"] = resource.into();
    }
    if !matches!(product, Product::AkamaiSiteShield | Product::HuaweiWAF) {
        spec["region"] = "Mainland".into();
    }
    account(&spec).unwrap()
}

fn keys(product: Product, secret: &str) -> Keys {
    let value = |name: &str| match name {
        "ALIBABA_CLOUD_ACCESS_KEY_ID" | "TENCENTCLOUD_SECRET_ID" | "AKAMAI_CLIENT_TOKEN" => Some(vendor::ID),
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET" | "TENCENTCLOUD_SECRET_KEY" | "AKAMAI_CLIENT_SECRET" => Some(secret),
        "AKAMAI_ACCESS_TOKEN" => Some(vendor::TOKEN),
        "HW_AUTH_TOKEN" => Some(if secret == vendor::SECRET { vendor::TOKEN } else { secret }),
        _ => None,
    };
    Keys::of(product, |name| value(name).map(SecretString::from)).unwrap()
}

/// Every name is loopback.
#[derive(Debug)]
struct Loopback;

impl Lookup for Loopback {
    fn lookup(&self, _name: String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, LookupError>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(vec!["127.0.0.1".parse().unwrap()])))
    }

    fn texts(&self, _name: String) -> Pin<Box<dyn Future<Output = Result<Vec<String>, LookupError>> + Send + '_>> {
        Box::pin(std::future::ready(Err(LookupError::Unresolved)))
    }
}

/// A vendor, and a client that trusts and finds it.
struct Stage {
    vendor: Vendor,
    client: FeedClient,
    endpoint: String,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path()).unwrap();
        let leaf = authority.leaf("vendor", &["api.vendor.example"], State::Valid).unwrap();
        let vendor = Vendor::on_loopback(&leaf, &LIST).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority.file()).unwrap()).unwrap();
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let gate: Gate = Arc::new(|address| Ok(Checked::unguarded(address)));
        let client = FeedClient::new(Arc::new(Loopback), gate, tls).unwrap();
        let endpoint = format!("https://api.vendor.example:{}", vendor.address().port());
        Self { vendor, client, endpoint, _folder: folder }
    }

    async fn listing(&self, product: Product) -> Result<Listing, FeedError> {
        self.client.listing(&of(product, &self.endpoint), &keys(product, vendor::SECRET)).await
    }

    async fn confirm(&self, product: Product, wanted: &Announced) -> (Listing, Option<FeedError>) {
        let keys = keys(product, vendor::SECRET);
        self.client.confirm(&of(product, &self.endpoint), &keys, wanted, &|| true).await.unwrap()
    }
}

#[tokio::test]
async fn every_product_takes_our_signature_and_gives_its_list() {
    let stage = Stage::new();
    for product in Product::iter() {
        let listing = stage.listing(product).await.unwrap_or_else(|error| panic!("{product}: {error}"));
        assert_eq!(listing.union().texts(), LIST, "{product}");
        assert_eq!(listing.next, None, "{product}");
    }
    let asked = stage.vendor.book().asked.clone();
    assert_eq!(asked.iter().filter(|operation| *operation == "DescribeBackSourceCidr").count(), 2, "both families");
}

#[tokio::test]
async fn a_wrong_key_is_forbidden_and_names_the_secret_and_nothing_else() {
    let stage = Stage::new();
    for product in Product::iter() {
        let wrong = keys(product, "wrong-canary-0123456789");
        let error = stage.client.listing(&of(product, &stage.endpoint), &wrong).await.unwrap_err();
        let said = error.to_string();
        assert_eq!(error.reason(), Reason::Forbidden, "{product}: {said}");
        assert!(said.contains("refuses the key in Secret lab-key"), "{said}");
        for word in ["canary", vendor::ID, "the string to sign", vendor::TOKEN] {
            assert!(!said.contains(word) && !format!("{error:?}").contains(word), "{product}: {said}");
        }
    }
    assert!(stage.vendor.book().asked.is_empty());
}

#[tokio::test]
async fn a_refusal_says_what_to_do_with_the_vendors_code_and_none_of_its_words() {
    let stage = Stage::new();
    let throttled = "answers that there were too many requests; it is asked again";
    let lacking = "does not let the key in Secret lab-key do this: give it the right";
    for (product, code, right, refused) in [
        (Product::AlibabaAntiDDoS, "Throttling.User", "yundun-ddoscoo:DescribeBackSourceCidr (RAM)", "Forbidden.RAM"),
        (Product::AlibabaWAF, "Throttling.User", "yundun-waf:DescribeWafSourceIpSegment (RAM)", "Forbidden.RAM"),
        (Product::AlibabaESA, "Throttling.User", "esa:GetOriginProtection (RAM)", "Forbidden.RAM"),
        (
            Product::TencentEdgeOne,
            "RequestLimitExceeded",
            "teo:DescribeOriginACL (CAM)",
            "AuthFailure.UnauthorizedOperation",
        ),
        (Product::AkamaiSiteShield, "status 429", "READ-ONLY on the API Site Shield", "status 403"),
        (Product::HuaweiAAD, "APIGW.0308", "to read Advanced Anti-DDoS (AAD ReadOnlyAccess)", "APIGW.0302"),
        (Product::HuaweiWAF, "APIGW.0308", "waf:sourceIp:get (IAM)", "APIGW.0302"),
    ] {
        stage.vendor.book().trouble = Some(Trouble::Throttles);
        let error = stage.listing(product).await.unwrap_err();
        let said = (error.reason(), error.to_string());
        assert_eq!(said, (Reason::Unreachable, format!("{product} {throttled} ({code})")));
        stage.vendor.book().trouble = Some(Trouble::NoRightToRead);
        let error = stage.listing(product).await.unwrap_err();
        let said = (error.reason(), error.to_string());
        assert_eq!(said, (Reason::Forbidden, format!("{product} {lacking} {right} ({refused})")));
    }
    stage.vendor.book().trouble = None;
    stage.vendor.book().ahead = 3600;
    for product in [Product::AlibabaAntiDDoS, Product::TencentEdgeOne, Product::AkamaiSiteShield] {
        let error = stage.listing(product).await.unwrap_err();
        assert!(error.to_string().contains("set the clock"), "{product}: {error}");
        assert_eq!(error.reason(), Reason::Unreachable);
    }
}

#[tokio::test]
async fn half_of_a_list_is_none() {
    let stage = Stage::new();
    let set = |trouble| stage.vendor.book().trouble = Some(trouble);
    set(Trouble::SecondFails);
    let error = stage.listing(Product::AlibabaAntiDDoS).await.unwrap_err();
    assert_eq!(error.to_string(), "AlibabaAntiDDoS answers with an error of its own (InternalError)");
    set(Trouble::CutShort);
    let interrupted = FeedError::Unreachable { host: "api.vendor.example".to_owned(), how: Unreachable::Interrupted };
    assert_eq!(stage.listing(Product::TencentEdgeOne).await, Err(interrupted));
    set(Trouble::Page);
    let page = FeedError::Unreachable { host: "api.vendor.example".to_owned(), how: Unreachable::Status(503) };
    assert_eq!(stage.listing(Product::HuaweiWAF).await, Err(page));
    set(Trouble::Moves);
    let moved = FeedError::Unreachable { host: "api.vendor.example".to_owned(), how: Unreachable::Redirect };
    assert_eq!(stage.listing(Product::AkamaiSiteShield).await, Err(moved), "a signature goes to one place");
    set(Trouble::Strange);
    for product in Product::iter() {
        let error = stage.listing(product).await.unwrap_err();
        assert!(matches!(&error, FeedError::Unparsable { problem: ParseProblem::NoList, .. }), "{product}: {error}");
        let document = format!("the answer of {product} (api.vendor.example)");
        assert!(error.to_string().contains(&document), "{error}");
    }
}

#[tokio::test]
async fn what_is_announced_is_listed_with_what_is_in_use_and_can_be_acknowledged() {
    for product in Product::iter().filter(|product| product.has_versions()) {
        let stage = Stage::new();
        stage.vendor.book().announce("lab-2", &["47.1.0.0/24", "47.2.0.0/24"]);
        let listing = stage.listing(product).await.unwrap();
        let next = listing.next.clone().unwrap();
        assert_eq!(listing.union().texts(), ["47.0.0.0/25", "47.1.0.0/24", "47.2.0.0/24", "2408:400a::/56"]);
        assert_eq!(next.ranges.texts(), ["47.1.0.0/24", "47.2.0.0/24"], "{product}");
        assert_eq!(next.acknowledged, Acknowledged::No);
        let deadline = next.deadline.map(|at| at.to_string());
        match product {
            Product::TencentEdgeOne => {
                assert_eq!((listing.version.as_deref(), next.version.as_str()), (Some("lab-1"), "lab-2"));
                assert_eq!(deadline.as_deref(), Some("2099-01-31T00:00:00Z"));
            }
            Product::AkamaiSiteShield => {
                assert_eq!((listing.version, next.version.clone()), (None, next.ranges.hash()));
                assert_eq!(deadline.as_deref(), Some("2099-01-31T00:00:00Z"));
            }
            _ => assert_eq!((listing.version, next.version.clone(), deadline), (None, next.ranges.hash(), None)),
        }
        let told = stage.confirm(product, &next).await;
        assert!(matches!(told.0.next.unwrap().acknowledged, Acknowledged::Now(_)) && told.1.is_none(), "{product}");
        assert_eq!(stage.vendor.book().acknowledged, ["lab-2"], "{product}");
        let listing = stage.listing(product).await.unwrap();
        let shown = match product {
            // Confirming switches at once.
            Product::AlibabaESA => listing.next.is_none() && listing.union().texts().len() == 2,
            Product::AkamaiSiteShield => listing.next.is_some_and(|next| next.acknowledged == Acknowledged::Yes),
            // The API does not say whether it was confirmed.
            _ => listing.next.is_some_and(|next| next.acknowledged == Acknowledged::No),
        };
        assert!(shown, "{product}");
    }
}

#[tokio::test]
async fn what_is_confirmed_is_what_the_origins_carry_and_nothing_newer() {
    for product in Product::iter().filter(|product| product.has_versions()) {
        let stage = Stage::new();
        stage.vendor.book().announce("lab-2", &["47.2.0.0/24"]);
        let wanted = stage.listing(product).await.unwrap().next.unwrap();
        stage.vendor.book().announce("lab-3", &["47.3.0.0/24"]);
        let (listing, refused) = stage.confirm(product, &wanted).await;
        assert_eq!((refused, listing.next.as_ref().unwrap().acknowledged), (None, Acknowledged::No), "{product}");
        let wanted = listing.next.unwrap();
        let (account, keys) = (of(product, &stage.endpoint), keys(product, vendor::SECRET));
        stage.client.confirm(&account, &keys, &wanted, &|| false).await.unwrap();
        assert!(stage.vendor.book().acknowledged.is_empty(), "{product}: another one, or no leader any more");

        stage.vendor.book().trouble = Some(Trouble::NoRightToAcknowledge);
        let error = stage.confirm(product, &wanted).await.1.unwrap();
        assert_eq!(error.reason(), Reason::Forbidden);
        assert!(error.to_string().contains("give it the right"), "{error}");

        // Taken, and the answer lost: whoever asks next sees it where the API shows it, and does not say it again.
        stage.vendor.book().trouble = Some(Trouble::LosesAcknowledgement);
        assert!(stage.confirm(product, &wanted).await.1.is_some(), "{product}");
        stage.vendor.book().trouble = None;
        stage.confirm(product, &wanted).await;
        let times = if product == Product::TencentEdgeOne { 2 } else { 1 };
        assert_eq!(stage.vendor.book().acknowledged, vec!["lab-3"; times], "{product}");
    }
}

#[test]
fn older_shapes_of_an_answer_are_lists_as_well() {
    let texts = |product, answers: &[Value]| {
        of(product, "https://api.vendor.example").listing(answers).map(|listing| listing.union().texts())
    };
    for answer in [
        json!({"Cidrs": ["47.0.0.0/25", "47.1.0.0/24"]}),
        json!({"CidrList": ["47.0.0.0/25", "47.1.0.0/24"]}),
        json!({"CidrList": {"Cidr": ["47.0.0.0/25", "47.1.0.0/24"]}}),
    ] {
        let found = texts(Product::AlibabaAntiDDoS, &[answer, json!({"Cidrs": []})]).unwrap();
        assert_eq!(found, ["47.0.0.0/25", "47.1.0.0/24"]);
    }
    let older = json!({"Ips": "47.0.0.0/25,47.1.0.0/24", "IpV6s": "47.1.0.0/24, 2408:400a::/56"});
    assert_eq!(texts(Product::AlibabaWAF, &[older]).unwrap(), LIST);
    let single = json!({"ips": [{"ip": ["198.18.0.1"]}]});
    assert!(texts(Product::HuaweiAAD, &[single]).is_ok(), "addresses and prefixes come mixed");
}

#[test]
fn an_answer_with_one_bad_entry_or_none_at_all_is_refused() {
    let fault = |product, answer: Value| of(product, "https://api.vendor.example").listing(&[answer]).unwrap_err();
    let shape = |problem| answer::Fault::Shape(problem);
    let both = json!({"IPv4": ["47.0.0.0/25"], "IPv6": []});
    for (product, answer, wanted) in [
        (Product::AlibabaAntiDDoS, json!({"Cidrs": []}), ParseProblem::Empty),
        (Product::AlibabaAntiDDoS, json!({"RequestId": "x"}), ParseProblem::NoList),
        (
            Product::AlibabaAntiDDoS,
            json!({"Cidrs": ["47.0.0.0/25", 7]}),
            ParseProblem::Entry { position: 2, problem: None },
        ),
        (
            Product::AlibabaAntiDDoS,
            json!({"Cidrs": ["47.0.0.0/33"]}),
            ParseProblem::Entry { position: 1, problem: None },
        ),
        (Product::AlibabaESA, json!({"CurrentIPWhitelist": both, "NeedUpdate": true}), ParseProblem::NoList),
        (Product::TencentEdgeOne, json!({"Response": {"OriginACLInfo": null}}), ParseProblem::NoList),
        (Product::AkamaiSiteShield, json!({"siteShieldMaps": []}), ParseProblem::NoList),
        (Product::HuaweiWAF, json!({"source_ip": [{"ips": ["47.0.0.0/25"]}, {}]}), ParseProblem::NoList),
    ] {
        assert_eq!(fault(product, answer.clone()), shape(wanted), "{product}: {answer}");
    }
    let off = json!({"OriginProtection": "off", "CurrentIPWhitelist": both});
    assert_eq!(fault(Product::AlibabaESA, off), answer::Fault::Refused(Refusal::of(Why::Disabled)));
    let offline = json!({"Response": {"OriginACLInfo": {"Status": "offline"}}});
    assert_eq!(fault(Product::TencentEdgeOne, offline), answer::Fault::Refused(Refusal::of(Why::Disabled)));
}

#[test]
fn a_version_is_shown_only_in_a_harmless_shape() {
    let answer = |version: &str| {
        json!({"Response": {"OriginACLInfo": {
            "CurrentOriginACL": {"Version": version, "EntireAddresses": {"IPv4": ["47.0.0.0/25"]}},
            "NextOriginACL": {"Version": version, "EntireAddresses": {"IPv4": ["47.1.0.0/25"]}},
        }}})
    };
    let listing = |version| of(Product::TencentEdgeOne, "https://a.example").listing(&[answer(version)]).unwrap();
    assert_eq!(listing("mlc-1.0.1-20250421").next.unwrap().version, "mlc-1.0.1-20250421");
    let odd = listing("<script>alert(1)</script>");
    let next = odd.next.unwrap();
    assert_eq!((odd.version, next.version), (None, next.ranges.hash()));
}

#[test]
fn what_a_product_needs_is_asked_for_by_field() {
    let secret = json!({"name": "a"});
    for (spec, said) in [
        (
            json!({"product": "AlibabaAntiDDoS"}),
            "spec.source.account.region must be Mainland or International for AlibabaAntiDDoS: each has lists of its own",
        ),
        (
            json!({"product": "AlibabaAntiDDoS", "region": "Mainland", "resourceID": "a"}),
            "spec.source.account.resourceID must not be set",
        ),
        (
            json!({"product": "TencentEdgeOne", "region": "Mainland"}),
            "spec.source.account.resourceID must be set for TencentEdgeOne: the ID of the zone, such as zone-276zs184g93m",
        ),
        (
            json!({"product": "AlibabaWAF", "region": "Mainland"}),
            "spec.source.account.resourceID must be set for AlibabaWAF: the ID of the WAF instance, such as waf_v2_public_cn-…",
        ),
        (
            json!({"product": "AlibabaESA", "region": "Mainland"}),
            "spec.source.account.resourceID must be set for AlibabaESA: the ID of the site, a number",
        ),
        (
            json!({"product": "AkamaiSiteShield"}),
            "spec.source.account.resourceID must be set for AkamaiSiteShield: the ID of the Site Shield map, a number",
        ),
        (
            json!({"product": "HuaweiWAF"}),
            "spec.source.account.resourceID must be set for HuaweiWAF: the ID of the project",
        ),
        (
            json!({"product": "AkamaiSiteShield", "resourceID": "1"}),
            "spec.source.account.endpoint must be set for AkamaiSiteShield: https:// and the host of your API client (Akamai) \
             or of your region (Huawei)",
        ),
        (
            json!({"product": "AkamaiSiteShield", "resourceID": "1", "region": "Mainland"}),
            "spec.source.account.region must not be set",
        ),
        (
            json!({"product": "HuaweiWAF", "resourceID": "../x", "endpoint": "https://a.example"}),
            "spec.source.account.resourceID may hold letters, digits, -, _ and ., and begins with one of the first two",
        ),
        (
            json!({"product": "AlibabaAntiDDoS", "region": "Mainland", "endpoint": "http://a.example"}),
            "spec.source.account.endpoint must begin with https://",
        ),
        (
            json!({"product": "AlibabaAntiDDoS", "region": "Mainland", "endpoint": "https://a.example/x"}),
            "spec.source.account.endpoint must be https:// and a host, without a path",
        ),
    ] {
        let mut spec = spec;
        spec["secretRef"] = secret.clone();
        let error = account(&spec).unwrap_err();
        assert!(error.starts_with(said), "{spec}: {error}");
    }
    let public = |region: &str| {
        account(&json!({"product": "AlibabaAntiDDoS", "region": region, "secretRef": {"name": "a"}})).unwrap().endpoint
    };
    assert_eq!(public("Mainland").as_str(), "https://ddoscoo.cn-hangzhou.aliyuncs.com/");
    assert_eq!(public("International").as_str(), "https://ddoscoo.ap-southeast-1.aliyuncs.com/");
}

/// As the condition Fetched shows them; `every_product_takes_our_signature_and_gives_its_list` and those after it cause them.
#[test]
fn a_key_that_cannot_be_used_is_told_with_the_secret_and_the_way_to_give_one() {
    let edge = of(Product::TencentEdgeOne, "https://a.example");
    let place = "in namespace leeward-system";
    for (lacking, said) in [
        (
            Lacking::Secret,
            "Secret lab-key does not exist in namespace leeward-system: create it with TENCENTCLOUD_SECRET_ID, \
             TENCENTCLOUD_SECRET_KEY, or correct source.account.secretRef",
        ),
        (
            Lacking::Right,
            "Leeward may not get Secret lab-key in namespace leeward-system: grant it (accounts.secrets of the chart, or \
             deploy/accounts)",
        ),
        (
            Lacking::Answer,
            "the API server gave no answer about Secret lab-key in namespace leeward-system; it is asked again",
        ),
        (
            Lacking::Part(KeyProblem::Unusable("TENCENTCLOUD_SECRET_KEY")),
            "the key in Secret lab-key in namespace leeward-system is incomplete: TENCENTCLOUD_SECRET_KEY is empty or holds \
             characters that no such key has (it has to be one line, as the provider shows it); TencentEdgeOne needs \
             TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY",
        ),
    ] {
        assert_eq!(edge.without_key(place, lacking).to_string(), said);
    }
}

#[test]
fn a_right_is_named_in_the_vendors_own_words() {
    let rights: Vec<String> = Product::iter()
        .map(|product| {
            let account = of(product, "https://a.example");
            format!("{product}: {}; {}", account.right_to_read(), account.right_to_acknowledge())
        })
        .collect();
    assert_eq!(
        rights,
        [
            "AlibabaAntiDDoS: yundun-ddoscoo:DescribeBackSourceCidr (RAM); yundun-ddoscoo:DescribeBackSourceCidr (RAM)",
            "AlibabaWAF: yundun-waf:DescribeWafSourceIpSegment (RAM); yundun-waf:DescribeWafSourceIpSegment (RAM)",
            "AlibabaESA: esa:GetOriginProtection (RAM); esa:UpdateOriginProtectionIpWhiteList (RAM)",
            "TencentEdgeOne: teo:DescribeOriginACL (CAM); teo:ConfirmOriginACLUpdate (CAM)",
            "AkamaiSiteShield: READ-ONLY on the API Site Shield; READ-WRITE on the API Site Shield",
            "HuaweiAAD: to read Advanced Anti-DDoS (AAD ReadOnlyAccess); to read Advanced Anti-DDoS (AAD ReadOnlyAccess)",
            "HuaweiWAF: waf:sourceIp:get (IAM); waf:sourceIp:get (IAM)",
        ]
    );
}
