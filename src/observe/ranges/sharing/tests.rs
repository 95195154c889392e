//! TXT records asked of a real name server, over the resolver that probes use.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::TXT;
use hickory_resolver::proto::rr::{RData, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::net::guard::Checked;
use crate::observe::probe::ProberOptions;

/// A record as its strings.
type Strings = Vec<String>;

/// A name server of TXT records on loopback; what is too long for a datagram comes over TCP.
async fn serve(records: BTreeMap<&'static str, Vec<Strings>>) -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        if let Ok(tcp) = TcpListener::bind(address).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let records = Arc::new(records);
    let for_streams = Arc::clone(&records);
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            let answer = reply(&buffer[..length], &records);
            let whole = answer.to_vec().unwrap();
            let sent = if whole.len() > 512 { answer.truncate().to_vec().unwrap() } else { whole };
            udp.send_to(&sent, from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let records = Arc::clone(&for_streams);
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut query = vec![0; length.into()];
                    stream.read_exact(&mut query).await.unwrap();
                    let answer = reply(&query, &records).to_vec().unwrap();
                    stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            });
        }
    });
    address
}

fn reply(query: &[u8], records: &BTreeMap<&'static str, Vec<Strings>>) -> Message {
    let mut answer = Message::from_vec(query).unwrap().into_response();
    let name = answer.queries[0].name().clone();
    match records.get(name.to_ascii().trim_end_matches('.').to_ascii_lowercase().as_str()) {
        Some(texts) => {
            for strings in texts {
                answer.add_answer(Record::from_rdata(name.clone(), 60, RData::TXT(TXT::new(strings.clone()))));
            }
        }
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}

fn client(resolvers: &[SocketAddr]) -> FeedClient {
    let options = ProberOptions { vantage: "test".to_owned(), resolvers: resolvers.to_vec(), ca_file: None };
    FeedClient::sharing(&Prober::new(options).unwrap(), Arc::new(|address| Ok(Checked::unguarded(address)))).unwrap()
}

fn strings(texts: &[&str]) -> Strings {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn a_list_of_records_comes_over_the_resolvers_of_probes() {
    // Longer than a datagram, in strings that end within a prefix.
    let long: Vec<String> = (0..64).map(|index| format!("ip4:34.{index}.0.0/20")).collect();
    let long: Strings = format!("v=spf1 {} ~all", long.join(" "))
        .as_bytes()
        .chunks(255)
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    let server = serve(BTreeMap::from([
        (
            "_eoips.example.com",
            vec![strings(&["proof=x"]), strings(&["v=spf1 ip4:34.96.0.0/20 ip4:34.127.", "192.0/18 ~all"])],
        ),
        ("_all.example.com", vec![strings(&["v=spf1 include:_long.example.com include:_eoips.example.com -all"])]),
        ("_long.example.com", vec![long]),
        ("_plain.example.com", vec![strings(&["34.96.0.0/20"]), strings(&["34.127.192.0/18"])]),
    ]))
    .await;
    let client = client(&[server]);
    let read =
        async |name: &str| client.records(name).await.map(|list| list.texts()).map_err(|error| error.to_string());
    let two = ["34.96.0.0/20", "34.127.192.0/18"];
    assert_eq!(read("_eoips.example.com").await.unwrap(), two);
    assert_eq!(read("_plain.example.com").await.unwrap(), two);
    assert_eq!(read("_all.example.com").await.unwrap().len(), 66);
    assert!(read("_none.example.com").await.unwrap_err().starts_with("_none.example.com has no TXT record"));
}

#[tokio::test]
async fn a_resolver_that_knows_nothing_is_not_the_last_word() {
    let empty = serve(BTreeMap::new()).await;
    let full = serve(BTreeMap::from([("_x.example.com", vec![strings(&["34.96.0.0/20"])])])).await;
    assert_eq!(client(&[empty, full]).records("_x.example.com").await.unwrap().texts(), ["34.96.0.0/20"]);
    assert!(client(&[empty]).records("_x.example.com").await.is_err());
}
