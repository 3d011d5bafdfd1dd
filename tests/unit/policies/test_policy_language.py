import pytest

from policies.natural_language import guess_language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "What is the capital of France, and how many people live in it?"),
        ("de", "Wie ist das Wetter heute, und was soll ich mit dem Hund machen?"),
        (
            "fr",
            "Quelle est la capitale de la France et combien de personnes vivent dans la ville ?",
        ),
        ("es", "¿Cuál es la capital de Francia y cómo se llama el alcalde de la ciudad?"),
        ("it", "Qual è la capitale della Francia e come si chiama il sindaco che non conosco?"),
        ("pt", "Qual é a capital da França e como se chama o prefeito que não conheço?"),
        ("nl", "Wat is de hoofdstad van Frankrijk en hoe heet het plein dat ik niet ken?"),
        ("ru", "Какая столица Франции?"),
        ("zh", "法国的首都是哪里？"),
        ("ja", "フランスの首都はどこですか。"),
        ("ko", "프랑스의 수도는 어디입니까?"),
        ("ar", "ما هي عاصمة فرنسا؟"),
        ("", "hi"),
        ("", ""),
        ("", "x = foo(bar)[3]; y += 1"),
        ("", "12345 67890"),
    ],
)
def test_a_language_is_named_where_it_is_clear(language, text):
    assert guess_language(text) == language
