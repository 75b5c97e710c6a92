//! `sbom.cdx.json`: what is inside each program and the page, with versions, licences, hashes and addresses of packages,
//! as CycloneDX 1.6 has it. The same for the same content: the serial number is made of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Release;
use crate::context::Context;
use crate::inside::{Component, Inventory, Origin, hexadecimal};
use crate::setup::Arch;

/// The file's name.
pub(super) const NAME: &str = "sbom.cdx.json";

/// What is inside one thing that we ship.
struct Shipped {
    name: String,
    description: String,
    inside: Vec<Component>,
}

/// Writes the bill of a release.
pub(super) fn write(ctx: &Context, release: &Release, archs: &[Arch]) -> Result<()> {
    let all = Inventory::read(ctx)?;
    let mut shipped = vec![Shipped {
        name: "page".into(),
        description: "the page, which every pawl-server holds".into(),
        inside: all.page(ctx)?,
    }];
    for arch in archs {
        let triple = arch.triple();
        for (package, name) in [("pawl-server", "pawl-server"), ("pawl-cli", "pawl")] {
            shipped.push(Shipped {
                name: format!("{name}-{triple}"),
                description: format!("{name} for {triple}"),
                inside: all.program(ctx, package, &triple)?,
            });
        }
    }
    let bill = bill(&release.version, &release.moment(ctx)?, &shipped)?;
    Ok(ctx.sh.write_file(release.made.join(NAME), bill)?)
}

fn bill(version: &str, time: &str, shipped: &[Shipped]) -> Result<String> {
    let all: BTreeSet<&Component> = shipped.iter().flat_map(|one| &one.inside).collect();
    let ours = shipped.iter().map(|one| {
        json!({
            "type": "application",
            "bom-ref": one.name,
            "name": one.name,
            "version": version,
            "description": one.description,
            "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        })
    });
    let components: Vec<Value> = ours.chain(all.iter().map(|one| component(one))).collect();
    let mut dependencies: Vec<Value> = vec![json!({
        "ref": "pawl",
        "dependsOn": shipped.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
    })];
    for one in shipped {
        let mut inside: Vec<_> = one.inside.iter().map(reference).collect();
        if one.name.starts_with("pawl-server-") {
            inside.push("page".to_owned());
        }
        inside.sort();
        dependencies.push(json!({ "ref": one.name, "dependsOn": inside }));
    }
    let mut bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "component": {
                "type": "application",
                "bom-ref": "pawl",
                "name": "Pawl",
                "version": version,
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    let digest = Sha256::digest(serde_json::to_vec(&bill)?);
    bill["serialNumber"] = Value::from(serial(&digest));
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

/// A UUID of our own making (version 8), of a hash.
fn serial(digest: &[u8]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hexadecimal(&bytes);
    let [a, b, c, d, e] = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    format!("urn:uuid:{a}-{b}-{c}-{d}-{e}")
}

/// What the bill calls a component: by its address where it has one.
fn reference(one: &Component) -> String {
    address(one).unwrap_or_else(|| format!("{}@{}", one.name, one.version))
}

/// The package URL.
fn address(one: &Component) -> Option<String> {
    let Component { name, version, .. } = one;
    match one.origin {
        Origin::Ours => None,
        Origin::CratesIo => Some(format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))),
        Origin::Npm => Some(format!("pkg:npm/{}@{version}", name.replace('@', "%40"))),
        Origin::Below if version.is_empty() => Some(format!("pkg:generic/{name}")),
        Origin::Below => Some(format!("pkg:generic/{name}@{version}")),
    }
}

fn component(one: &Component) -> Value {
    let mut fields: BTreeMap<&str, Value> = BTreeMap::from([
        ("type", "library".into()),
        ("bom-ref", reference(one).into()),
        ("name", one.name.clone().into()),
        ("licenses", json!([{ "expression": one.licence }])),
    ]);
    if !one.version.is_empty() {
        fields.insert("version", one.version.clone().into());
    }
    if let Some(address) = address(one) {
        fields.insert("purl", address.into());
    }
    if let Some((algorithm, hash)) = &one.hash {
        fields.insert("hashes", json!([{ "alg": algorithm, "content": hash }]));
    }
    json!(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::triples;

    fn shipped(ctx: &Context) -> Vec<Shipped> {
        let all = Inventory::read(ctx).unwrap();
        let program = |package| all.program(ctx, package, &triples()[0]).unwrap();
        let ship = |name: &str, inside| Shipped {
            name: name.into(),
            description: "of a test".into(),
            inside,
        };
        vec![
            ship("page", vec![all.npm(ctx, "@preact/signals").unwrap()]),
            ship("pawl-server-x", program("pawl-server")),
            ship("pawl-x", program("pawl-cli")),
        ]
    }

    #[test]
    fn the_bill_has_what_is_inside_and_nothing_of_tests() {
        let ctx = Context::new().unwrap();
        let text = bill("0.2.0", "2026-01-01T00:00:00Z", &shipped(&ctx)).unwrap();
        let bill: Value = serde_json::from_str(&text).unwrap();
        let components = bill["components"].as_array().unwrap();
        let by_name = |name: &str| components.iter().find(|one| one["name"] == name);
        let signals = by_name("@preact/signals").unwrap();
        let address = signals["purl"].as_str().unwrap();
        assert!(
            address.starts_with("pkg:npm/%40preact/signals@"),
            "{address}"
        );
        assert_eq!(signals["hashes"][0]["alg"], "SHA-512");
        let actix = by_name("actix-web").unwrap();
        assert_eq!(actix["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(actix["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert!(by_name("sqlite").is_some() && by_name("pawl-wire").is_some());
        for not_inside in [
            "proptest",
            "tokio-tungstenite-tests",
            "vite",
            "puppeteer-core",
            "xtask",
        ] {
            assert!(by_name(not_inside).is_none(), "{not_inside}");
        }
    }

    #[test]
    fn references_are_there_once_each_and_all_lead_somewhere() {
        let ctx = Context::new().unwrap();
        let text = bill("0.2.0", "2026-01-01T00:00:00Z", &shipped(&ctx)).unwrap();
        let bill: Value = serde_json::from_str(&text).unwrap();
        let components = bill["components"].as_array().unwrap();
        let mut known: BTreeSet<&str> = BTreeSet::from(["pawl"]);
        for one in components {
            assert!(known.insert(one["bom-ref"].as_str().unwrap()), "{one}");
        }
        for one in bill["dependencies"].as_array().unwrap() {
            assert!(known.contains(one["ref"].as_str().unwrap()));
            for other in one["dependsOn"].as_array().unwrap() {
                assert!(known.contains(other.as_str().unwrap()), "{other}");
            }
        }
    }

    #[test]
    fn the_same_content_has_the_same_serial_number_and_another_has_another() {
        let ctx = Context::new().unwrap();
        let all = shipped(&ctx);
        let made = |version| bill(version, "2026-01-01T00:00:00Z", &all).unwrap();
        assert_eq!(made("0.2.0"), made("0.2.0"));
        let number =
            |text: &str| serde_json::from_str::<Value>(text).unwrap()["serialNumber"].clone();
        let (one, other) = (number(&made("0.2.0")), number(&made("0.2.1")));
        assert_ne!(one, other);
        let text = one.as_str().unwrap();
        assert!(
            text.starts_with("urn:uuid:") && text.len() == 45 && &text[23..24] == "8",
            "{text}"
        );
    }
}
