"""DSPy: its language model, and a signature with typed outputs."""

import dspy
import kit

AT = {"api_base": kit.URL, "api_key": kit.KEY}
lm = dspy.LM(f"openai/{kit.MODEL}", cache=False, num_retries=0, **AT)


class Who(dspy.Signature):
    """Say who it was."""

    question: str = dspy.InputField()
    name: str = dspy.OutputField()
    age: int = dspy.OutputField()


def text_of(answer) -> str:
    return answer[0] if isinstance(answer[0], str) else answer[0]["text"]


def structured():
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        told = dspy.Predict(Who)(question=kit.STRUCTURED)
    return {"parsed": {"name": told.name, "age": told.age}}


def vision():
    image = {"type": "image_url", "image_url": {"url": kit.PICTURE_URL}}
    content = [{"type": "text", "text": kit.VISION}, image]
    return {"text": text_of(lm(messages=[{"role": "user", "content": content}]))}


def embed():
    embedder = dspy.Embedder(f"openai/{kit.MODEL}", caching=False, encoding_format="float", **AT)
    return {"vectors": embedder(kit.INPUTS).tolist()}


kit.run(
    say=lambda: {"text": text_of(lm(kit.SAY))},
    structured=structured,
    vision=vision,
    embed=embed,
)
