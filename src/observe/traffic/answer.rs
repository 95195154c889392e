//! Answers of the query API, read strictly: exactly one series of numbers, or why not.

use crate::evidence::fact::Why;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Body {
    status: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

#[derive(Deserialize)]
struct Series {
    value: Option<(f64, String)>,
    values: Option<Vec<(f64, String)>>,
}

/// One value of a series: when, in seconds, and what.
pub(super) type Point = (i64, f64);

/// The value of an instant query.
pub(super) fn one(body: &[u8]) -> Result<f64, Why> {
    let data = data(body)?;
    if data.result_type == "scalar" {
        let (_, text): (f64, String) = serde_json::from_value(data.result).map_err(|_| Why::Malformed)?;
        return number(&text);
    }
    let series = single(data, "vector")?;
    let (_, text) = series.value.ok_or(Why::Malformed)?;
    number(&text)
}

/// The points of a range query, oldest first. A point that is not a number makes the whole answer unknown: it is a
/// division by nothing, and the windows beside it are no better.
pub(super) fn many(body: &[u8]) -> Result<Vec<Point>, Why> {
    let series = single(data(body)?, "matrix")?;
    let points = series.values.ok_or(Why::Malformed)?;
    if points.is_empty() {
        return Err(Why::NoData);
    }
    points.iter().map(|(at, text)| Ok((seconds(*at)?, number(text)?))).collect()
}

fn data(body: &[u8]) -> Result<Data, Why> {
    let body: Body = serde_json::from_slice(body).map_err(|_| Why::Malformed)?;
    if body.status != "success" {
        return Err(Why::Refused);
    }
    body.data.ok_or(Why::Malformed)
}

fn single(data: Data, kind: &str) -> Result<Series, Why> {
    if data.result_type != kind {
        return Err(Why::Malformed);
    }
    let mut all: Vec<Series> = serde_json::from_value(data.result).map_err(|_| Why::Malformed)?;
    match all.len() {
        0 => Err(Why::NoData),
        1 => all.pop().ok_or(Why::NoData),
        _ => Err(Why::ManySeries),
    }
}

fn number(text: &str) -> Result<f64, Why> {
    let value: f64 = text.parse().map_err(|_| Why::Malformed)?;
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(Why::NotANumber) }
}

#[expect(clippy::cast_possible_truncation, reason = "a time in seconds, checked to be one")]
fn seconds(at: f64) -> Result<i64, Why> {
    if (0.0..4e11).contains(&at) { Ok(at.round() as i64) } else { Err(Why::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(result: &str) -> Result<f64, Why> {
        one(format!(r#"{{"status":"success","data":{result}}}"#).as_bytes())
    }

    #[test]
    fn one_number_is_taken() {
        assert_eq!(
            instant(r#"{"resultType":"vector","result":[{"metric":{},"value":[1700000000.1,"0.25"]}]}"#),
            Ok(0.25)
        );
        assert_eq!(instant(r#"{"resultType":"scalar","result":[1700000000,"3"]}"#), Ok(3.0));
    }

    #[test]
    fn everything_else_is_unknown_and_never_zero() {
        assert_eq!(instant(r#"{"resultType":"vector","result":[]}"#), Err(Why::NoData));
        for (value, why) in
            [("NaN", Why::NotANumber), ("+Inf", Why::NotANumber), ("-1", Why::NotANumber), ("x", Why::Malformed)]
        {
            let body = format!(r#"{{"resultType":"vector","result":[{{"metric":{{}},"value":[1,"{value}"]}}]}}"#);
            assert_eq!(instant(&body), Err(why), "{value}");
        }
        let two = r#"{"resultType":"vector","result":[{"metric":{"a":"1"},"value":[1,"1"]},{"metric":{"a":"2"},"value":[1,"1"]}]}"#;
        assert_eq!(instant(two), Err(Why::ManySeries));
        assert_eq!(instant(r#"{"resultType":"matrix","result":[]}"#), Err(Why::Malformed));
        assert_eq!(one(br#"{"status":"error","errorType":"timeout","error":"x"}"#), Err(Why::Refused));
        assert_eq!(one(b"<html>"), Err(Why::Malformed));
    }

    #[test]
    fn a_range_has_its_points() {
        let range = |points: &str| {
            let body = format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{points}]}}]}}}}"#
            );
            many(body.as_bytes())
        };
        assert_eq!(range(r#"[300,"1"],[600,"2.5"]"#), Ok(vec![(300, 1.0), (600, 2.5)]));
        assert_eq!(range(r#"[300,"1"],[600,"NaN"]"#), Err(Why::NotANumber));
        assert_eq!(range(""), Err(Why::NoData));
    }
}
