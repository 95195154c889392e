//! Providers that tell their list only to customers: one signed question to an API, and what it answers.
//!
//! Each scheme of signatures is a file of [`sign`], each vendor's calls and answers are one file beside this one, and all of
//! them are pure: the moment and the nonce come from outside. A key is a [`Keys`], which no text can show. What a vendor says
//! goes through the same gates as every other list; of an error only a code of harmless shape is repeated.

mod akamai;
mod alibaba;
mod answer;
mod ask;
mod huawei;
mod keys;
mod refusal;
mod sign;
mod tencent;

pub use keys::{KeyProblem, Keys, Lacking};
pub use refusal::{Code, Refusal};

use jiff::Timestamp;
use url::Url;

use crate::api::proxy_network::{AccountSource, Product, Region};
use crate::api::validated::Invalid;
use crate::net::RangeSet;

/// An account with a provider, read from the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What is asked.
    pub product: Product,
    /// Name of the Secret with the key.
    pub secret: String,
    /// Where it is asked.
    pub endpoint: Url,
    region: Option<Region>,
    resource: Option<String>,
}

/// What an API lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Name of the version in use, where versions have one.
    pub version: Option<String>,
    /// The addresses in use.
    pub current: RangeSet,
    /// A list that is announced and not used yet.
    pub next: Option<Announced>,
}

/// A list that will be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its name, or the hash of its addresses.
    pub version: String,
    /// Its addresses.
    pub ranges: RangeSet,
    /// When it is used, or wants to be acknowledged by.
    pub deadline: Option<Timestamp>,
    /// Whether the provider was told that it is allowed.
    pub acknowledged: Acknowledged,
}

/// Whether a provider was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// No, or its API does not say.
    No,
    /// Yes, by whomever.
    Yes,
    /// By this process, at that moment.
    Now(Timestamp),
}

impl Listing {
    /// A list without versions.
    const fn plain(current: RangeSet) -> Self {
        Self { version: None, current, next: None }
    }

    /// All addresses that may connect now or soon: what is announced is allowed beforehand, and what leaves stays until the
    /// provider has stopped using it.
    pub fn union(&self) -> RangeSet {
        self.next.as_ref().map_or_else(|| self.current.clone(), |next| self.current.union(&next.ranges))
    }
}

impl Account {
    /// Reads `source.account`. The schema says the same; files do not pass through it.
    pub fn new(source: &AccountSource) -> Result<Self, Invalid> {
        let AccountSource { product, secret_ref, region, resource_id, endpoint } = source;
        let field = |name: &str| format!("source.account.{name}");
        let wants_resource = !matches!(product, Product::AlibabaAntiDDoS | Product::HuaweiAAD);
        match (resource_id, wants_resource) {
            (None, true) => {
                let problem = format!("must be set for {product}: {}", resource_of(*product));
                return Err(Invalid::new(field("resourceID"), problem));
            }
            (Some(_), false) => {
                return Err(Invalid::new(field("resourceID"), format!("must not be set for {product}")));
            }
            (Some(id), true) if !is_plain(id) => {
                return Err(Invalid::new(
                    field("resourceID"),
                    "may hold letters, digits, -, _ and ., and begins with one of the first two",
                ));
            }
            _ => {}
        }
        let wants_region = !matches!(product, Product::AkamaiSiteShield | Product::HuaweiWAF);
        if region.is_some() != wants_region {
            let problem = if wants_region {
                format!("must be Mainland or International for {product}: each has lists of its own")
            } else {
                format!("must not be set for {product}")
            };
            return Err(Invalid::new(field("region"), problem));
        }
        Ok(Self {
            product: *product,
            secret: secret_ref.name.clone(),
            endpoint: self::endpoint(*product, *region, endpoint.as_deref())?,
            region: *region,
            resource: resource_id.clone(),
        })
    }

    /// Host and port, for messages.
    fn host(&self) -> &str {
        self.endpoint.host_str().unwrap_or_default()
    }

    fn resource(&self) -> &str {
        self.resource.as_deref().unwrap_or_default()
    }

    /// The right that a key needs to read the list, in the vendor's own words.
    pub const fn right_to_read(&self) -> &'static str {
        match self.product {
            Product::AlibabaAntiDDoS => "yundun-ddoscoo:DescribeBackSourceCidr (RAM)",
            Product::AlibabaWAF => "yundun-waf:DescribeWafSourceIpSegment (RAM)",
            Product::AlibabaESA => "esa:GetOriginProtection (RAM)",
            Product::TencentEdgeOne => "teo:DescribeOriginACL (CAM)",
            Product::AkamaiSiteShield => "READ-ONLY on the API Site Shield",
            Product::HuaweiAAD => "to read Advanced Anti-DDoS (AAD ReadOnlyAccess)",
            Product::HuaweiWAF => "waf:sourceIp:get (IAM)",
        }
    }

    /// The right that a key needs to acknowledge a list.
    const fn right_to_acknowledge(&self) -> &'static str {
        match self.product {
            Product::AlibabaESA => "esa:UpdateOriginProtectionIpWhiteList (RAM)",
            Product::TencentEdgeOne => "teo:ConfirmOriginACLUpdate (CAM)",
            Product::AkamaiSiteShield => "READ-WRITE on the API Site Shield",
            _ => self.right_to_read(),
        }
    }
}

const fn resource_of(product: Product) -> &'static str {
    match product {
        Product::AlibabaWAF => "the ID of the WAF instance, such as waf_v2_public_cn-…",
        Product::AlibabaESA => "the ID of the site, a number",
        Product::TencentEdgeOne => "the ID of the zone, such as zone-276zs184g93m",
        Product::AkamaiSiteShield => "the ID of the Site Shield map, a number",
        Product::HuaweiWAF => "the ID of the project",
        Product::AlibabaAntiDDoS | Product::HuaweiAAD => "nothing",
    }
}

fn is_plain(text: &str) -> bool {
    let rest = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= 128
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(rest)
        && !text.contains("..")
}

/// The given endpoint, or the product's public one.
fn endpoint(product: Product, region: Option<Region>, given: Option<&str>) -> Result<Url, Invalid> {
    let field = "source.account.endpoint";
    let public = match (product, region) {
        (Product::AlibabaAntiDDoS, Some(Region::Mainland)) => "https://ddoscoo.cn-hangzhou.aliyuncs.com",
        (Product::AlibabaAntiDDoS, Some(Region::International)) => "https://ddoscoo.ap-southeast-1.aliyuncs.com",
        (Product::AlibabaWAF, Some(Region::Mainland)) => "https://wafopenapi.cn-hangzhou.aliyuncs.com",
        (Product::AlibabaWAF, Some(Region::International)) => "https://wafopenapi.ap-southeast-1.aliyuncs.com",
        (Product::AlibabaESA, Some(Region::Mainland)) => "https://esa.cn-hangzhou.aliyuncs.com",
        (Product::AlibabaESA, Some(Region::International)) => "https://esa.ap-southeast-1.aliyuncs.com",
        (Product::TencentEdgeOne, Some(Region::Mainland)) => "https://teo.tencentcloudapi.com",
        (Product::TencentEdgeOne, Some(Region::International)) => "https://teo.intl.tencentcloudapi.com",
        _ => {
            let problem = format!(
                "must be set for {product}: https:// and the host of your API client (Akamai) or of your region (Huawei)"
            );
            return super::source::url(field, given.ok_or_else(|| Invalid::new(field, problem))?)
                .and_then(|url| without_path(field, url));
        }
    };
    super::source::url(field, given.unwrap_or(public)).and_then(|url| without_path(field, url))
}

fn without_path(field: &str, url: Url) -> Result<Url, Invalid> {
    if url.path() == "/" && url.query().is_none() && url.fragment().is_none() {
        return Ok(url);
    }
    Err(Invalid::new(field, "must be https:// and a host, without a path"))
}

#[cfg(test)]
mod tests;
