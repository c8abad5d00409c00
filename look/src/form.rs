//! Forms. Each field has its label, and the name by which browsers and password managers fill it in (HTML: autofill; WCAG 1.3.5).

use crate::html::Html;
use crate::language::Language;
use crate::text::Phrase;

/// The id of the alert of a page, which describes the fields that it is about.
pub(crate) const ALERT: &str = "alert";
/// The id of the first form of a page. The languages at its end send it.
pub(crate) const FIRST: &str = "form";

/// A form that is sent to a path of the issuer, or to a client.
#[derive(Clone)]
pub struct Form {
    action: String,
    hidden: Vec<(String, String)>,
    fields: Vec<Field>,
    buttons: Vec<Button>,
}

#[derive(Clone)]
struct Button {
    label: Phrase,
    answer: Option<(&'static str, String)>,
    is_other: bool,
}

impl Form {
    /// A form that is posted there.
    pub fn post(action: &str) -> Self {
        Self { action: action.to_owned(), hidden: Vec::new(), fields: Vec::new(), buttons: Vec::new() }
    }

    /// A value that the form carries.
    #[must_use]
    pub fn hidden(mut self, name: &str, value: &str) -> Self {
        self.hidden.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A field that the person fills in.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The button that sends the form.
    #[must_use]
    pub fn button(mut self, label: impl Into<Phrase>) -> Self {
        self.buttons.push(Button { label: label.into(), answer: None, is_other: false });
        self
    }

    /// A button that sends the form with an answer.
    #[must_use]
    pub fn answer(self, name: &'static str, value: &str, label: impl Into<Phrase>) -> Self {
        self.add_answer(name, value, label.into(), false)
    }

    /// The same, for an answer that matters less.
    #[must_use]
    pub fn other(self, name: &'static str, value: &str, label: impl Into<Phrase>) -> Self {
        self.add_answer(name, value, label.into(), true)
    }

    fn add_answer(mut self, name: &'static str, value: &str, label: Phrase, is_other: bool) -> Self {
        self.buttons.push(Button { label, answer: Some((name, value.to_owned())), is_other });
        self
    }

    /// The HTML of the form with this number on its page. `sends_itself` is whether a program sends it, so that the buttons are only for
    /// browsers without programs.
    pub(crate) fn html(&self, language: Language, number: usize, sends_itself: bool) -> Html {
        let id = if number == 0 { format!(" id=\"{FIRST}\"") } else { String::new() };
        let mut html = Html::own(&format!("<form{id} method=\"post\" action=\"{}\">", Html::escaped(&self.action)));
        for (name, value) in &self.hidden {
            let (name, value) = (Html::escaped(name), Html::escaped(value));
            html.push(&Html::own(&format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")));
        }
        for field in &self.fields {
            html.push(&field.html(language, number));
        }
        let buttons: Html = self.buttons.iter().map(|button| button.html(language)).collect();
        let buttons = if sends_itself { Html::own(&format!("<noscript>{buttons}</noscript>")) } else { buttons };
        html.push(&buttons);
        html.push(&Html::own("</form>"));
        html
    }
}

impl Button {
    fn html(&self, language: Language) -> Html {
        let class = if self.is_other { " class=\"other\"" } else { "" };
        let answer = self.answer.as_ref().map(|(name, value)| {
            let value = Html::escaped(value);
            format!(" name=\"{name}\" value=\"{value}\"")
        });
        let answer = answer.unwrap_or_default();
        Html::own(&format!("<button{class}{answer}>{}</button> ", self.label.html(language)))
    }
}

/// A field of a form.
#[derive(Clone)]
pub struct Field {
    name: &'static str,
    label: Phrase,
    kind: Kind,
    hint: Option<Phrase>,
    value: String,
    is_required: bool,
    is_faulty: bool,
    is_first: bool,
}

#[derive(Clone)]
enum Kind {
    Text { autocomplete: &'static str },
    Name { autocomplete: &'static str },
    Shown { autocomplete: &'static str },
    Password { autocomplete: &'static str },
    Code,
    Capitals,
    Check,
    Choice(Vec<(String, Phrase)>),
}

impl Field {
    fn new(name: &'static str, label: impl Into<Phrase>, kind: Kind) -> Self {
        let (label, value) = (label.into(), String::new());
        Self { name, label, kind, hint: None, value, is_required: true, is_faulty: false, is_first: false }
    }

    /// A text. `autocomplete` is its purpose (HTML: autofill).
    pub fn text(name: &'static str, label: impl Into<Phrase>, autocomplete: &'static str) -> Self {
        Self::new(name, label, Kind::Text { autocomplete })
    }

    /// A name of a user or an address: a text that is neither spelled nor begun with a capital.
    pub fn name(name: &'static str, label: impl Into<Phrase>, autocomplete: &'static str) -> Self {
        Self::new(name, label, Kind::Name { autocomplete })
    }

    /// The same, of which the person cannot change the value.
    pub fn shown_name(name: &'static str, label: impl Into<Phrase>, autocomplete: &'static str) -> Self {
        Self::new(name, label, Kind::Shown { autocomplete })
    }

    /// The password that the person has.
    pub fn password(name: &'static str, label: impl Into<Phrase>) -> Self {
        Self::new(name, label, Kind::Password { autocomplete: "current-password" })
    }

    /// A password that the person chooses.
    pub fn new_password(name: &'static str, label: impl Into<Phrase>) -> Self {
        Self::new(name, label, Kind::Password { autocomplete: "new-password" })
    }

    /// A code of digits that works once.
    pub fn code(name: &'static str, label: impl Into<Phrase>) -> Self {
        Self::new(name, label, Kind::Code)
    }

    /// A code of capitals that the person reads elsewhere.
    pub fn capitals(name: &'static str, label: impl Into<Phrase>) -> Self {
        Self::new(name, label, Kind::Capitals)
    }

    /// A box that the person checks. Its value is `yes`.
    pub fn check(name: &'static str, label: impl Into<Phrase>) -> Self {
        Self::new(name, label, Kind::Check)
    }

    /// One of these values, each with what it is called.
    pub fn choice(name: &'static str, label: impl Into<Phrase>, values: Vec<(String, Phrase)>) -> Self {
        Self::new(name, label, Kind::Choice(values))
    }

    /// What the field has already.
    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        value.clone_into(&mut self.value);
        self
    }

    /// What helps the person to fill it in.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Phrase>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The field may stay empty.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.is_required = false;
        self
    }

    /// Whether the alert of the page is about this field.
    #[must_use]
    pub fn faulty(mut self, is_faulty: bool) -> Self {
        self.is_faulty = is_faulty;
        self
    }

    /// The page begins at this field.
    #[must_use]
    pub fn first(mut self) -> Self {
        self.is_first = true;
        self
    }

    fn html(&self, language: Language, number: usize) -> Html {
        let name = self.name;
        let id = if number == 0 { name.to_owned() } else { format!("{name}-{number}") };
        let label = self.label.html(language);
        let hint = self.hint.as_ref().map(|hint| format!("<small id=\"{id}-hint\">{}</small>", hint.html(language)));
        let described = [self.is_faulty.then(|| ALERT.to_owned()), hint.as_ref().map(|_| format!("{id}-hint"))];
        let described = described.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let mut attributes = format!(" id=\"{id}\" name=\"{name}\"");
        if !described.is_empty() {
            attributes.extend([" aria-describedby=\"", &described, "\""]);
        }
        for (is_so, attribute) in
            [(self.is_faulty, " aria-invalid=\"true\""), (self.is_required, " required"), (self.is_first, " autofocus")]
        {
            attributes.push_str(if is_so { attribute } else { "" });
        }
        let value = format!(" value=\"{}\"", Html::escaped(&self.value));
        let plain = "autocapitalize=\"none\" spellcheck=\"false\"";
        let input = match &self.kind {
            Kind::Text { autocomplete } => {
                format!("<input{attributes}{value} autocomplete=\"{autocomplete}\" dir=\"auto\">")
            }
            Kind::Name { autocomplete } => {
                format!("<input{attributes}{value} autocomplete=\"{autocomplete}\" {plain} dir=\"auto\">")
            }
            Kind::Shown { autocomplete } => {
                format!("<input{attributes}{value} readonly autocomplete=\"{autocomplete}\" {plain} dir=\"auto\">")
            }
            Kind::Password { autocomplete } => {
                format!("<input{attributes} type=\"password\" autocomplete=\"{autocomplete}\">")
            }
            Kind::Code => format!(
                "<input{attributes}{value} inputmode=\"numeric\" autocomplete=\"one-time-code\" {plain} dir=\"ltr\">"
            ),
            Kind::Capitals => format!(
                "<input{attributes}{value} autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" dir=\"ltr\">"
            ),
            Kind::Check => {
                let input = format!("<input{attributes} type=\"checkbox\" value=\"yes\">");
                return Html::own(&format!("<label class=\"check\">{input}<span>{label}</span></label>"));
            }
            Kind::Choice(values) => {
                let option = |(value, called): &(String, Phrase)| {
                    let selected = if *value == self.value { " selected" } else { "" };
                    let (value, called) = (Html::escaped(value), Html::escaped(&called.plain(language)));
                    Html::own(&format!("<option value=\"{value}\"{selected}>{called}</option>"))
                };
                let options: Html = values.iter().map(option).collect();
                format!("<select{attributes}>{options}</select>")
            }
        };
        Html::own(&format!("<label for=\"{id}\">{label}</label>{}{input}", hint.unwrap_or_default()))
    }
}
