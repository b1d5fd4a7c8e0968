//! What a user may do in each database, as chosen: owner, admin, reading, nothing.

use domain::{Change, DatabaseName, Error, FieldError, RoleName, Spec, database::Database};
use std::collections::BTreeMap;

/// What a user may do in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It owns the database.
    Owner,
    /// It is a member of `<db>_admin`.
    Admin,
    /// It is a member of `<db>_readonly`.
    Read,
    /// It may not even connect.
    None,
}

impl Access {
    /// What a form can choose.
    pub const CHOICES: [Self; 3] = [Self::None, Self::Read, Self::Admin];

    /// What `user` may do in `database`.
    pub fn of(user: &RoleName, database: &Database) -> Self {
        match database {
            _ if database.owner.as_ref() == Some(user) => Self::Owner,
            _ if database.roles.admin.contains(user) => Self::Admin,
            _ if database.roles.readonly.contains(user) => Self::Read,
            _ => Self::None,
        }
    }

    /// What `user` may do besides owning it: what the form shows as chosen.
    pub fn granted(user: &RoleName, database: &Database) -> Self {
        Self::of(user, &Database { owner: None, ..database.clone() })
    }

    /// The word in a form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Read => "readonly",
            Self::None => "none",
        }
    }

    /// The word for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Admin => "Admin",
            Self::Read => "Read",
            Self::None => "None",
        }
    }
}

/// The changes that give `user` what was chosen, database by database. Databases that are not in the map stay as they are.
pub fn changes(spec: &Spec, user: &RoleName, chosen: &BTreeMap<String, String>) -> Result<Vec<Change>, Error> {
    let mut all = Vec::new();
    for (typed, word) in chosen {
        let field = format!("access.{typed}");
        let found = typed.parse::<DatabaseName>().ok().and_then(|name| spec.databases.get_key_value(&name));
        let (name, database) = found.ok_or_else(|| Error::invalid(&field, "There is no such database any more."))?;
        let wish = Access::CHOICES.into_iter().find(|access| access.name() == word).ok_or(FieldError::new(&field, "One of none, readonly, admin."));
        let wish = wish.map_err(|error| Error::Invalid(vec![error]))?;
        if wish == Access::granted(user, database) {
            continue;
        }
        let mut roles = database.roles.clone();
        roles.admin.remove(user);
        roles.readonly.remove(user);
        match wish {
            Access::Admin => _ = roles.admin.insert(user.clone()),
            Access::Read => _ = roles.readonly.insert(user.clone()),
            Access::Owner | Access::None => {}
        }
        all.push(Change::SetDatabase { name: name.clone(), owner: None, roles: Some(roles), extensions: None, description: None });
    }
    Ok(all)
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::fake::sample;

    fn check(user: &str, chosen: &[(&str, &str)]) -> Result<Vec<Access>, Error> {
        let spec = sample::ready().spec;
        let user = user.parse().expect("a valid name");
        let chosen = chosen.iter().map(|(name, word)| ((*name).into(), (*word).into())).collect();
        let next = spec.apply(changes(&spec, &user, &chosen)?, sample::at(0))?;
        Ok(next.databases.values().map(|database| Access::of(&user, database)).collect())
    }

    #[test]
    fn moving_from_reading_to_admin_leaves_one_of_the_two() {
        assert_eq!(check("reporting", &[("orders", "admin")]), Ok(vec![Access::Read, Access::Admin]));
    }

    #[test]
    fn what_stays_the_same_is_not_sent() {
        let spec = sample::ready().spec;
        let chosen = BTreeMap::from([("orders".to_owned(), "readonly".to_owned())]);
        assert_eq!(changes(&spec, &"reporting".parse().expect("a name"), &chosen), Ok(Vec::new()));
    }

    #[test]
    fn an_owner_stays_owner() {
        assert_eq!(check("app", &[("analytics", "readonly"), ("orders", "none")]), Ok(vec![Access::Read, Access::Owner]));
    }

    #[test]
    fn a_database_that_is_gone_is_named() {
        assert!(check("app", &[("nothing", "admin")]).is_err_and(|e| e.at("access.nothing").is_some()));
    }
}
