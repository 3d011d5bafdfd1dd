//! The field's async-openai: requests are made of JSON, but go through its types both ways.

mod more;

use std::env;

use async_openai::{
    config::OpenAIConfig,
    error::OpenAIError,
    types::responses::{OutputItem, Response, ResponseStreamEvent},
    Client,
};
use base64::{prelude::BASE64_STANDARD, Engine};
use futures::StreamExt;
use serde_json::{from_str, from_value, json, Value};

const SAY: &str = "Greet me. [job:say]";
const STREAM: &str = "Tell me something. [job:stream]";
const TOOLS: &str = "How warm is it in Paris and in Oslo? [job:tools]";
const STRUCTURED: &str = "Who wrote the first program, and how old was she? [job:structured]";
const VISION: &str = "What is in this picture? [job:vision]";

type Outcome = Result<Value, OpenAIError>;

fn var(name: &str) -> String {
    env::var(format!("CONFORMANCE_{name}")).expect("the runner sets it")
}

fn open(key: &str) -> Client<OpenAIConfig> {
    let base = format!("{}/v1", var("URL"));
    Client::with_config(OpenAIConfig::new().with_api_base(base).with_api_key(key))
}

fn client() -> Client<OpenAIConfig> {
    open(&var("KEY"))
}

fn picture() -> String {
    let raw = std::fs::read("picture.png").expect("the kits have it");
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(raw))
}

fn city() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
           "additionalProperties": false})
}

fn person() -> Value {
    json!({"type": "object",
           "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
           "required": ["name", "age"], "additionalProperties": false})
}

fn weather(arguments: &str) -> String {
    let given: Value = from_str(arguments).expect("arguments are JSON");
    format!("21 degrees in {}", given["city"].as_str().unwrap_or_default())
}

fn streamed(texts: Vec<String>) -> Value {
    let count = texts.iter().filter(|text| !text.is_empty()).count();
    let pieces = if count > 2 { json!("many") } else { json!(count) };
    json!({"text": texts.concat(), "pieces": pieces})
}

fn told<T>(result: Result<T, OpenAIError>) -> Value {
    match result {
        Err(OpenAIError::ApiError(error)) => json!({"class": "ApiError", "said": error.to_string()
            .split(':').next()}),
        Err(error) => json!({"class": error.to_string()}),
        Ok(_) => json!({"class": "none"}),
    }
}

fn asked(content: Value, more: Value) -> Value {
    merged(json!({"model": var("MODEL"), "messages": [{"role": "user", "content": content}]}), more)
}

fn merged(mut held: Value, more: Value) -> Value {
    if let (Some(held), Some(more)) = (held.as_object_mut(), more.as_object()) {
        held.extend(more.clone());
    }
    held
}

async fn chat(body: Value) -> Result<Value, OpenAIError> {
    let request: async_openai::types::chat::CreateChatCompletionRequest =
        from_value(body).expect("the request fits its type");
    let answer = client().chat().create(request).await?;
    Ok(serde_json::to_value(answer).expect("an answer is JSON"))
}

async fn chat_stream(body: Value) -> Result<(Vec<String>, Value), OpenAIError> {
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let request: async_openai::types::chat::CreateChatCompletionRequest =
        from_value(merged(body, more)).expect("the request fits its type");
    let mut chunks = client().chat().create_stream(request).await?;
    let (mut texts, mut usage) = (vec![], Value::Null);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        for choice in &chunk.choices {
            texts.push(choice.delta.content.clone().unwrap_or_default());
        }
        if let Some(told) = &chunk.usage {
            usage = json!([told.prompt_tokens, told.completion_tokens]);
        }
    }
    Ok((texts, usage))
}

fn text_of(answer: &Value) -> Value {
    answer["choices"][0]["message"]["content"].clone()
}

async fn chat_tools() -> Outcome {
    let tool = json!({"type": "function", "function": {"name": "get_weather", "parameters": city()}});
    let mut body = asked(json!(TOOLS), json!({"tools": [tool]}));
    let first = chat(body.clone()).await?["choices"][0]["message"].clone();
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(first.clone());
    let mut calls = vec![];
    for call in first["tool_calls"].as_array().expect("calls") {
        let arguments = call["function"]["arguments"].as_str().expect("arguments");
        calls.push(json!([call["function"]["name"], from_str::<Value>(arguments).expect("JSON")]));
        messages.push(json!({"role": "tool", "tool_call_id": call["id"],
                             "content": weather(arguments)}));
    }
    Ok(json!({"text": text_of(&chat(body).await?), "calls": calls}))
}

async fn chat_job(name: &str) -> Outcome {
    Ok(match name {
        "say" => json!({"text": text_of(&chat(asked(json!(SAY), json!({}))).await?)}),
        "stream" => streamed(chat_stream(asked(json!(STREAM), json!({}))).await?.0),
        "tools" => chat_tools().await?,
        "structured" => {
            let schema = json!({"name": "person", "strict": true, "schema": person()});
            let format = json!({"type": "json_schema", "json_schema": schema});
            let answer = chat(asked(json!(STRUCTURED), json!({"response_format": format}))).await?;
            let text = text_of(&answer);
            json!({"parsed": from_str::<Value>(text.as_str().unwrap_or_default()).ok()})
        }
        "vision" => {
            let image = json!({"type": "image_url", "image_url": {"url": picture()}});
            let parts = json!([{"type": "text", "text": VISION}, image]);
            json!({"text": text_of(&chat(asked(parts, json!({}))).await?)})
        }
        "usage" => {
            let whole = chat(asked(json!(SAY), json!({}))).await?["usage"].clone();
            let (_, last) = chat_stream(asked(json!(STREAM), json!({}))).await?;
            json!({"whole": [whole["prompt_tokens"], whole["completion_tokens"]],
                   "streamed": last})
        }
        "embed" => {
            let body = json!({"model": var("MODEL"), "input": ["one", "two"]});
            let request = from_value(body).expect("the request fits its type");
            let answer = client().embeddings().create(request).await?;
            json!({"vectors": answer.data.iter().map(|one| &one.embedding).collect::<Vec<_>>()})
        }
        "complete" => {
            let body = json!({"model": var("MODEL"), "prompt": "Once upon a time"});
            let request = from_value(body).expect("the request fits its type");
            json!({"text": client().completions().create(request).await?.choices[0].text})
        }
        "cached" | "moderate" | "image" | "speech" | "transcribe" => more::chat_job(name).await?,
        _ => {
            let by_key: async_openai::types::chat::CreateChatCompletionRequest =
                from_value(asked(json!(SAY), json!({}))).expect("the request fits its type");
            let mut by_model = by_key.clone();
            by_model.model = "nowhere".into();
            json!({"key": told(open("sk-wrong").chat().create(by_key).await),
                   "model": told(client().chat().create(by_model).await)})
        }
    })
}

fn request(input: Value, more: Value) -> async_openai::types::responses::CreateResponse {
    from_value(merged(json!({"model": var("MODEL"), "input": input}), more))
        .expect("the request fits its type")
}

async fn respond(input: Value, more: Value) -> Result<Response, OpenAIError> {
    client().responses().create(request(input, more)).await
}

fn used(response: &Response) -> Value {
    response.usage.as_ref().map_or(Value::Null, |u| json!([u.input_tokens, u.output_tokens]))
}

async fn response_stream() -> Result<(Vec<String>, Value), OpenAIError> {
    let asked = request(json!(STREAM), json!({"stream": true}));
    let mut events = client().responses().create_stream(asked).await?;
    let (mut texts, mut usage) = (vec![], Value::Null);
    while let Some(event) = events.next().await {
        match event? {
            ResponseStreamEvent::ResponseOutputTextDelta(told) => texts.push(told.delta),
            ResponseStreamEvent::ResponseCompleted(told) => usage = used(&told.response),
            _ => {}
        }
    }
    Ok((texts, usage))
}

async fn response_tools() -> Outcome {
    let tool = json!({"type": "function", "name": "get_weather", "parameters": city(),
                      "strict": true});
    let mut input = vec![json!({"role": "user", "content": TOOLS})];
    let first = respond(json!(input), json!({"tools": [tool]})).await?;
    let mut calls = vec![];
    for item in &first.output {
        if let OutputItem::FunctionCall(call) = item {
            calls.push(json!([call.name, from_str::<Value>(&call.arguments).expect("JSON")]));
            input.push(json!({"type": "function_call", "call_id": call.call_id,
                              "name": call.name, "arguments": call.arguments}));
            input.push(json!({"type": "function_call_output", "call_id": call.call_id,
                              "output": weather(&call.arguments)}));
        }
    }
    let last = respond(json!(input), json!({"tools": [tool]})).await?;
    Ok(json!({"text": last.output_text(), "calls": calls}))
}

async fn response_job(name: &str) -> Outcome {
    Ok(match name {
        "say" => json!({"text": respond(json!(SAY), json!({})).await?.output_text()}),
        "stream" => streamed(response_stream().await?.0),
        "tools" => response_tools().await?,
        "structured" => {
            let format = json!({"type": "json_schema", "name": "person", "schema": person()});
            let answer = respond(json!(STRUCTURED), json!({"text": {"format": format}})).await?;
            let text = answer.output_text().unwrap_or_default();
            json!({"parsed": from_str::<Value>(&text).ok()})
        }
        "vision" => {
            let image = json!({"type": "input_image", "image_url": picture(), "detail": "auto"});
            let parts = json!([{"type": "input_text", "text": VISION}, image]);
            let user = json!([{"role": "user", "content": parts}]);
            json!({"text": respond(user, json!({})).await?.output_text()})
        }
        "usage" => {
            let whole = used(&respond(json!(SAY), json!({})).await?);
            json!({"whole": whole, "streamed": response_stream().await?.1})
        }
        "cached" | "search" | "reason" | "state" => more::response_job(name).await?,
        _ => {
            let by_key = request(json!(SAY), json!({}));
            let by_model = request(json!(SAY), json!({"model": "nowhere"}));
            json!({"key": told(open("sk-wrong").responses().create(by_key).await),
                   "model": told(client().responses().create(by_model).await)})
        }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = env::args().collect();
    for name in &words[2..] {
        let ended = if words[1] == "responses" {
            response_job(name).await
        } else {
            chat_job(name).await
        };
        let outcome = ended.unwrap_or_else(|error| {
            let message = error.to_string().replace(&var("URL"), "ROOT");
            json!({"error": "OpenAIError", "message": message})
        });
        println!("{}", merged(json!({"job": name}), outcome));
    }
}
