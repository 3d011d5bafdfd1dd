//! What is asked beside conversations, and what servers keep and search for.

use async_openai::{
    types::{
        audio::CreateTranscriptionRequest,
        images::{CreateImageEditRequest, Image, ImageEditInput, ImagesResponse},
        responses::OutputItem,
    },
};
use base64::{prelude::BASE64_STANDARD, Engine};
use serde_json::{from_value, json, to_value, Value};

use crate::{asked, chat, client, request, respond, var, Outcome};

const CACHED: &str = "Greet me again. [job:cached]";
const SEARCH: &str = "Who wrote the first program? Search for it. [job:search]";
const REASON: &str = "Think, then greet me. [job:reason]";
const NAMED: &str = "My name is Ada. [job:state]";
const ASKED_NAME: &str = "What is my name? [job:state]";

fn shown(answer: ImagesResponse) -> String {
    match &answer.data[0].as_ref() {
        Image::B64Json { b64_json, .. } => {
            let raw = BASE64_STANDARD.decode(b64_json.as_bytes()).expect("base64");
            String::from_utf8(raw).expect("text")
        }
        Image::Url { url, .. } => url.clone(),
    }
}

async fn image() -> Outcome {
    let made = from_value(json!({"model": var("MODEL"), "prompt": "a cat"})).expect("it fits");
    let changed = CreateImageEditRequest {
        image: ImageEditInput::Image("picture.png".into()),
        prompt: "a dog".into(),
        model: from_value(json!(var("MODEL"))).expect("it fits"),
        ..Default::default()
    };
    Ok(json!({"made": shown(client().images().generate(made).await?),
              "changed": shown(client().images().edit(changed).await?)}))
}

pub async fn chat_job(name: &str) -> Outcome {
    Ok(match name {
        "cached" => {
            let used = chat(asked(json!(CACHED), json!({}))).await?["usage"].clone();
            json!({"cached": used["prompt_tokens_details"]["cached_tokens"],
                   "input": used["prompt_tokens"]})
        }
        "moderate" => {
            let body = json!({"model": var("MODEL"), "input": "I hate it"});
            let answer = client().moderations().create(from_value(body).expect("it fits")).await?;
            json!({"flagged": answer.results[0].flagged})
        }
        "image" => image().await?,
        "speech" => {
            let body = json!({"model": var("MODEL"), "voice": "alloy", "input": "Hello"});
            let asked = from_value(body).expect("it fits");
            let raw = client().audio().speech().create(asked).await?.bytes;
            json!({"sound": String::from_utf8_lossy(&raw[..23]), "bytes": raw.len()})
        }
        _ => {
            let asked = CreateTranscriptionRequest {
                file: "sound.wav".into(),
                model: var("MODEL"),
                ..Default::default()
            };
            json!({"text": client().audio().transcription().create(asked).await?.text})
        }
    })
}

async fn reason() -> Outcome {
    let more = json!({"store": false, "include": ["reasoning.encrypted_content"]});
    let user = json!({"role": "user", "content": REASON});
    let first = respond(json!([user]), more.clone()).await?;
    let thought = first.output.iter().find_map(|item| match item {
        OutputItem::Reasoning(held) => Some(to_value(held).expect("JSON")["summary"][0]["text"].clone()),
        _ => None,
    });
    let mut input = vec![user.clone()];
    input.extend(first.output.iter().map(|item| to_value(item).expect("an item is JSON")));
    input.push(user);
    let again = respond(json!(input), more).await?;
    Ok(json!({"thought": thought, "text": again.output_text()}))
}

async fn state() -> Outcome {
    let first = respond(json!(NAMED), json!({})).await?;
    let second = respond(json!(ASKED_NAME), json!({"previous_response_id": first.id})).await?;
    let kept = client().responses().retrieve(&second.id).await?;
    let items = client().responses().list_input_items(&second.id).await?;
    client().responses().delete(&second.id).await?;
    let gone = client().responses().retrieve(&second.id).await;
    let follow = request(json!(ASKED_NAME), json!({"previous_response_id": second.id}));
    let goes_on = client().responses().create(follow).await;
    Ok(json!({"text": second.output_text(), "kept": kept.output_text() == second.output_text(),
              "items": items.data.len(), "gone": if gone.is_err() { 404 } else { 200 },
              "goes_on": goes_on.is_ok()}))
}

pub async fn response_job(name: &str) -> Outcome {
    Ok(match name {
        "cached" => {
            let used = respond(json!(CACHED), json!({})).await?.usage.expect("tokens are told");
            json!({"cached": used.input_tokens_details.cached_tokens, "input": used.input_tokens})
        }
        "search" => {
            let tools = json!({"tools": [{"type": "web_search"}]});
            let answer = respond(json!(SEARCH), tools).await?;
            let items: Vec<Value> =
                answer.output.iter().map(|item| to_value(item).expect("JSON")).collect();
            let cited = &items[items.len() - 1]["content"][0]["annotations"][0]["url"];
            json!({"text": answer.output_text(), "source": cited,
                   "items": items.iter().map(|item| item["type"].clone()).collect::<Vec<_>>()})
        }
        "reason" => reason().await?,
        _ => state().await?,
    })
}
