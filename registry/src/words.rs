//! What permissions mean, in plain words: for whoever decides whether to grant them.

use serde::{Deserialize, Serialize};

use crate::permissions::{EventPattern, Permission, PermissionKind, Permissions};
use crate::{Manifest, World};

/// The same said in two languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Words {
    fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            zh: zh.into(),
        }
    }
}

/// One thing that a plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The kind, as `http`.
    pub kind: String,
    /// The name in it, as `https://api.example.com`.
    pub name: String,
    /// The option of `steward function deploy` that gives it.
    pub grant: String,
    /// What it lets the plugin do.
    #[serde(flatten)]
    pub words: Words,
}

impl From<Permission> for Asked {
    fn from(permission: Permission) -> Self {
        Self {
            kind: permission.kind().to_string(),
            name: permission.name(),
            grant: permission.grant_option(),
            words: permission.in_words(),
        }
    }
}

/// One thing that a plugin cannot do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cannot {
    /// What it cannot do.
    #[serde(flatten)]
    pub words: Words,
    /// Whether no grant could change that: its kind has no import for it. Else it does not ask for it, and a version that
    /// does needs a new grant.
    pub never: bool,
}

/// What a plugin can do and what it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// What it asks for, and can do where all of it is granted.
    pub asks: Vec<Asked>,
    /// What it cannot do, whatever happens in it.
    pub cannot: Vec<Cannot>,
}

/// What a version asks for beyond another, and what it does not ask for any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The version that it is compared with.
    pub since: semver::Version,
    /// What is new.
    pub added: Vec<Asked>,
    /// What is gone.
    pub removed: Vec<Asked>,
}

impl Permission {
    /// What it lets a plugin do.
    pub fn in_words(&self) -> Words {
        match self {
            Self::Inference(model) => Words::new(
                format!("use the model {model}"),
                format!("使用模型 {model}"),
            ),
            Self::Privacy(dataset) => Words::new(
                format!(
                    "ask about the dataset {dataset}: answers with noise, never rows, as far as the function's own budget goes"
                ),
                format!(
                    "查询数据集 {dataset}：只得到加了噪声的答案，看不到任何一行，并以函数自己的隐私预算为限"
                ),
            ),
            Self::Http(origin) if origin.is_wildcard() => Words::new(
                format!("send requests to {origin}, which is every host below that name"),
                format!("向 {origin} 发送请求，即该域名之下的所有主机"),
            ),
            Self::Http(origin) if !origin.tls() => Words::new(
                format!("send requests to {origin}, which others on the way can read"),
                format!("向 {origin} 发送请求，传输未加密，途中可被他人读取"),
            ),
            Self::Http(origin) => Words::new(
                format!("send requests to {origin}"),
                format!("向 {origin} 发送请求"),
            ),
            Self::Secrets(secret) => Words::new(
                format!("read the secret {secret}"),
                format!("读取机密 {secret}"),
            ),
            Self::Keyvalue(bucket) => Words::new(
                format!("read and write the keys of the bucket {bucket}"),
                format!("读写键值桶 {bucket} 中的键"),
            ),
            Self::Blobstore(container) => Words::new(
                format!("read and write the objects of the container {container}"),
                format!("读写容器 {container} 中的对象"),
            ),
            Self::AppendEvents(types) => {
                let (en, zh) = events(types);
                Words::new(format!("append {en}"), format!("写入{zh}"))
            }
            Self::ReadEvents(types) => {
                let (en, zh) = events(types);
                Words::new(format!("read {en}"), format!("读取{zh}"))
            }
        }
    }
}

fn events(types: &EventPattern) -> (String, String) {
    match types.to_string().as_str() {
        "*" => ("events of every type".into(), "所有类型的事件".into()),
        types => (
            format!("events of the type {types}"),
            format!("{types} 类型的事件"),
        ),
    }
}

impl PermissionKind {
    /// What nobody can do who has nothing of this kind.
    fn cannot(self) -> Words {
        match self {
            Self::Inference => Words::new("use a model", "使用模型"),
            Self::Privacy => Words::new("ask about a dataset", "查询数据集"),
            Self::Http => Words::new(
                "send anything to the network or to another service",
                "向网络或其他服务发送任何内容",
            ),
            Self::Secrets => Words::new("read a secret", "读取机密"),
            Self::Keyvalue => Words::new(
                "keep anything in a bucket from one call to the next",
                "在键值桶中保存任何内容",
            ),
            Self::Blobstore => Words::new("read or write stored objects", "读写存储的对象"),
            Self::AppendEvents => Words::new("append events", "写入事件"),
            Self::ReadEvents => Words::new("read events", "读取事件"),
        }
    }
}

impl Abilities {
    /// Those of a plugin of this world that asks for this.
    pub fn of(world: World, requests: &Permissions) -> Self {
        let of_kinds = PermissionKind::ALL
            .into_iter()
            .filter(|kind| requests.iter().all(|asked| asked.kind() != *kind))
            .map(|kind| Cannot {
                words: kind.cannot(),
                never: !world.may_have(kind),
            });
        let always = [
            Words::new(
                "open a file, a socket or a process of the host",
                "打开宿主机上的文件、套接字或进程",
            ),
            Words::new("see anything of another tenant", "看到其他租户的任何内容"),
        ]
        .map(|words| Cannot { words, never: true });
        Self {
            asks: requests.iter().map(Asked::from).collect(),
            cannot: of_kinds.chain(always).collect(),
        }
    }
}

impl Changes {
    /// From one manifest to another.
    pub fn between(old: &Manifest, new: &Manifest) -> Self {
        Self {
            since: old.plugin.version.clone(),
            added: new
                .requests
                .beyond(&old.requests)
                .map(Asked::from)
                .collect(),
            removed: old
                .requests
                .beyond(&new.requests)
                .map(Asked::from)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(permissions: &[&str]) -> Permissions {
        permissions
            .iter()
            .map(|p| p.parse::<Permission>().unwrap())
            .collect()
    }

    #[test]
    fn every_kind_has_words_in_both_languages() {
        for text in [
            "inference=minilm",
            "privacy=orders",
            "http=https://api.example.com",
            "http=http://api.example.com",
            "http=https://*.example.com",
            "secrets=token",
            "keyvalue=sessions",
            "blobstore=uploads",
            "append_events=com.example.*",
            "read_events=*",
        ] {
            let permission: Permission = text.parse().unwrap();
            let words = permission.in_words();
            let every = text.ends_with('*') && !text.contains("example");
            for language in [&words.en, &words.zh] {
                assert!(every || language.contains(&permission.name()), "{words:?}");
            }
            assert!(!words.zh.is_ascii() && words.en.is_ascii(), "{words:?}");
        }
    }

    #[test]
    fn what_a_kind_cannot_have_no_grant_can_give() {
        let cleaner = Abilities::of(World::Cleaner, &Permissions::default());
        let network = "send anything to the network or to another service";
        let found = |abilities: &Abilities, text: &str| {
            let found = abilities
                .cannot
                .iter()
                .find(|cannot| cannot.words.en == text);
            found.map(|cannot| cannot.never)
        };
        assert_eq!(found(&cleaner, network), Some(true));
        assert!(cleaner.asks.is_empty());
        let function = Abilities::of(World::Function, &of(&["secrets=token"]));
        assert_eq!(found(&function, network), Some(false));
        assert_eq!(found(&function, "read a secret"), None);
        assert_eq!(function.asks[0].grant, "--grant secrets=token");
        let sends = Abilities::of(World::Function, &of(&["http=https://a.example.com"]));
        assert_eq!(found(&sends, network), None);
    }

    #[test]
    fn changes_are_what_is_not_covered() {
        let manifest = |version: &str, requests: &str| {
            Manifest::parse(&format!(
                "[plugin]\nname = \"a\"\nversion = \"{version}\"\nworld = \"function\"\n[requests]\n{requests}"
            ))
            .unwrap()
        };
        let old = manifest(
            "1.0.0",
            "http = [\"https://*.example.com\"]\nsecrets = [\"a\"]",
        );
        let new = manifest(
            "1.1.0",
            "http = [\"https://b.example.com\"]\nsecrets = [\"b\"]",
        );
        let changes = Changes::between(&old, &new);
        let names = |asked: &[Asked]| asked.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&changes.added), ["b"]);
        assert_eq!(names(&changes.removed), ["https://*.example.com", "a"]);
        assert_eq!(changes.since.to_string(), "1.0.0");
    }
}
