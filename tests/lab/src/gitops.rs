//! What the tools that apply manifests make of a resource: each answer comes from the tool's own code.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::process::run_with_input;
use crate::tools;

/// The status and message that kstatus, the library of Helm 4 and Flux, gives each object.
pub fn kstatus<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Result<Vec<(String, String)>> {
    let answers = ask(&mut Command::new(tools::kstatus()?), objects.into_iter().map(Value::to_string))?;
    let text = |answer: &Value, key: &str| answer[key].as_str().map(str::to_owned).context("an answer of kstatus");
    answers.iter().map(|answer| Ok((text(answer, "status")?, text(answer, "message")?))).collect()
}

/// What a script of Argo CD returns for each object.
pub fn argocd<'a>(script: &str, objects: impl IntoIterator<Item = &'a Value>) -> Result<Vec<Value>> {
    let runs = objects.into_iter().map(|object| json!({"script": script, "object": object}).to_string());
    let answers = ask(&mut Command::new(tools::argocd_script()?), runs)?;
    answers
        .into_iter()
        .map(|mut answer| match answer["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(answer["result"].take()),
        })
        .collect()
}

/// One line of JSON for each that is asked.
fn ask(program: &mut Command, asked: impl Iterator<Item = String>) -> Result<Vec<Value>> {
    let asked: Vec<String> = asked.collect();
    let text = run_with_input(program, &asked.join("\n"))?;
    let answers: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(answers.len() == asked.len(), "{} answers to {} questions", answers.len(), asked.len());
    Ok(answers)
}
