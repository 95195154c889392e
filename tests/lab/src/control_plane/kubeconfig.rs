//! Kubeconfig files: one cluster, one user, one context.

use std::fmt::Write;

/// The text of a kubeconfig with a bearer token.
pub(super) fn text(server: &str, ca_pem: &str, user: &str, token: &str, namespace: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: lab
  cluster:
    server: {server}
    certificate-authority-data: {ca}
users:
- name: {user}
  user:
    token: {token}
contexts:
- name: lab
  context: {{cluster: lab, user: {user}, namespace: {namespace}}}
current-context: lab
",
        ca = base64(ca_pem.as_bytes())
    )
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().chain([0, 0].iter()).take(3).fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte));
        for position in 0..4_u32 {
            let index = (group >> (18 - 6 * position) & 63) as usize;
            let sign = if position as usize <= chunk.len() { char::from(ALPHABET[index]) } else { '=' };
            let _ = text.write_char(sign);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let examples =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (plain, encoded) in examples {
            assert_eq!(base64(plain.as_bytes()), encoded, "{plain}");
        }
    }
}
