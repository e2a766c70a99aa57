//! What the generator in the kernel needs to make the probes of a plan, or why it
//! cannot. Nothing is decided anew here: the constants are those that the prober
//! computes with.

use std::net::IpAddr;

use prtip_bpf::abi::{KIND_ACK, KIND_SYN};
use prtip_bpf::recipe::{
    Family, GenConfig, Item, Order, Payload, Recipe, SPANS, Span, TEMPLATE_BYTES, Template,
};

use super::items::{Ask, ProbeKind};
use super::origin::Form;
use super::probe::Prober;
use super::ranges::{Ranked, Word};
use crate::wire::{Link, checksum};

impl Prober {
    /// The recipe for these probes.
    ///
    /// # Errors
    /// What in the plan or the way out the generator has no room for, in words.
    pub fn recipe(&self) -> Result<Recipe, String> {
        if self.has_neighbours() {
            return Err(
                "the targets are on the local link, each with a MAC address of its own".into()
            );
        }
        let (Some(origins_v4), Some(origins_v6)) =
            (self.origins().of_family(false), self.origins().of_family(true))
        else {
            return Err("the scan leaves by several ways".into());
        };
        let link_len = match self.link() {
            Link::Ethernet { vlan: None, .. } => 14,
            Link::Ethernet { vlan: Some(_), .. } => 18,
            Link::None => return Err("the interface has no Ethernet header".into()),
        };
        let plan = self.plan();
        let count = plan.v4.spans().len() + plan.v6.spans().len();
        if count > SPANS {
            return Err(format!("{count} ranges of addresses are more than {SPANS}"));
        }
        let mut recipe = Recipe::default();
        recipe.config = GenConfig {
            order: self.order(),
            v4: family(&plan.v4, |addr| (0, addr.into()), &mut recipe),
            v6: family(&plan.v6, |addr| ((addr >> 64) as u64, addr as u64), &mut recipe),
            link_len,
            kinds: self.steer_config().kinds,
            hosts: u8::from(!plan.items().asks().is_empty()),
            ..GenConfig::default()
        };
        let config = &mut recipe.config;
        (config.v4.first_origin, config.v4.origins) = numbers(&origins_v4);
        (config.v6.first_origin, config.v6.origins) = numbers(&origins_v6);
        (config.slots, config.slots_reciprocal, config.slots_shift) = plan.per_address.constants();
        (config.port_slots, config.attempts, config.salt) = self.source_ports().division();
        config.port_first = self.source_ports().bounds().0;
        self.put_items(&mut recipe)?;
        self.put_templates(&mut recipe);
        if let Some(only) = only_template(&recipe) {
            (recipe.config.only, recipe.config.one) = (only, 1);
            let first = recipe.items.first().map_or(0, |item| item.port);
            let expected = u32::from(first)..;
            if recipe.items.iter().zip(expected).all(|(item, port)| u32::from(item.port) == port) {
                (recipe.config.first_port, recipe.config.consecutive) = (first, 1);
            }
        }
        recipe.longest = self.max_len();
        Ok(recipe)
    }

    fn order(&self) -> Order {
        let (rounds, mask, shift) = self.plan().permutation.constants();
        Order {
            n: self.plan().len(),
            mask,
            add: rounds.map(|round| round.add),
            multiply: rounds.map(|round| round.multiply),
            shift,
            reserved: 0,
        }
    }

    fn put_items(&self, recipe: &mut Recipe) -> Result<(), String> {
        let items = self.plan().items();
        // Which payload each of the places so far is, by its address.
        let mut known: Vec<(*const crate::udp::Payload, u8)> = Vec::new();
        let mut echo = None;
        let mut item = |ask: Ask, payloads: &mut Vec<Payload>| -> Result<Item, String> {
            let next = payloads.len();
            let mut put = |payload: Payload| {
                payloads.push(payload);
                u8::try_from(next).map_err(|_| "more than 256 payloads".to_owned())
            };
            let payload = match ask.kind {
                ProbeKind::Syn | ProbeKind::Ack => 0,
                ProbeKind::Echo => match echo {
                    Some(place) => place,
                    None => *echo.insert(put(self.echo_payload())?),
                },
                ProbeKind::Udp => {
                    let payload = self.payloads().of(ask.port);
                    match known.iter().find(|(at, _)| std::ptr::eq(*at, payload)) {
                        Some((_, place)) => *place,
                        None => {
                            let made = payload.recipe().ok_or_else(|| {
                                format!("the payload of {} has too many fields", payload.protocol)
                            })?;
                            let place = put(made)?;
                            known.push((payload, place));
                            place
                        }
                    }
                }
            };
            Ok(Item { port: ask.port, kind: ask.kind as u8, payload })
        };
        if items.asks().is_empty() {
            for slot in 0..items.len() {
                recipe.items.push(item(items.ask(slot, 0), &mut recipe.payloads)?);
            }
        } else {
            for &ask in items.asks() {
                recipe.asks.push(item(ask, &mut recipe.payloads)?);
            }
        }
        Ok(())
    }

    /// Eight bytes for the token, then words for people.
    fn echo_payload(&self) -> Payload {
        let mut payload = Payload::default();
        let end = 8 + self.contact().len();
        payload.bytes[8..end].copy_from_slice(self.contact());
        payload.len = end as u32;
        payload.sum = checksum::sum(&payload.bytes[..end]);
        payload
    }

    fn put_templates(&self, recipe: &mut Recipe) {
        for (number, origin) in self.origins().all().iter().enumerate() {
            for kind in ProbeKind::ALL {
                let form = Form::new(number, kind, origin.source.is_ipv6());
                let template = self.origins().template(form);
                let (constant, _) = template.bytes();
                let sums = match kind {
                    ProbeKind::Syn | ProbeKind::Ack => template.sums(),
                    ProbeKind::Udp | ProbeKind::Echo => template.carrier_sums(origin.source),
                };
                let mut bytes = [0; TEMPLATE_BYTES];
                bytes[..constant.len()].copy_from_slice(constant);
                recipe.templates.push((
                    form.index() as u32,
                    Template {
                        key: origin.key(kind),
                        ip_sum: if matches!(origin.source, IpAddr::V4(_)) { sums.ip } else { 0 },
                        l4_sum: sums.tcp,
                        len: constant.len() as u32,
                        reserved: 0,
                        bytes,
                    },
                ));
            }
        }
    }
}

/// The template of all probes, where that is one and of TCP.
fn only_template(recipe: &Recipe) -> Option<Template> {
    let config = &recipe.config;
    let (family, v6) = match (config.v4.count, config.v6.count) {
        (_, 0) => (&config.v4, false),
        (0, _) => (&config.v6, true),
        _ => return None,
    };
    let kind = match config.kinds {
        KIND_SYN => ProbeKind::Syn,
        KIND_ACK => ProbeKind::Ack,
        _ => return None,
    };
    if config.hosts != 0 || family.origins != 1 {
        return None;
    }
    let form = Form::new(family.first_origin as usize, kind, v6).index() as u32;
    recipe.templates.iter().find(|(place, _)| *place == form).map(|(_, template)| *template)
}

fn numbers(range: &std::ops::Range<usize>) -> (u32, u32) {
    (range.start as u32, range.len() as u32)
}

/// The addresses of one family; `halves` of an address in host byte order.
fn family<T: Word>(
    addresses: &Ranked<T>,
    halves: impl Fn(T) -> (u64, u64),
    recipe: &mut Recipe,
) -> Family {
    let spans = addresses.spans();
    let Some(&(first, _)) = spans.first() else { return Family::default() };
    let (base_high, base_low) = halves(first);
    let (starts, buckets, bucket_shift) = addresses.index();
    let family = Family {
        count: addresses.count(),
        base_high,
        base_low,
        spans: spans.len() as u32,
        first_span: recipe.spans.len() as u32,
        first_bucket: recipe.buckets.len() as u32,
        bucket_shift,
        first_origin: 0,
        origins: 0,
    };
    if spans.len() > 1 {
        recipe.spans.extend(starts.iter().zip(spans).map(|(&start, &(first, _))| {
            let (high, low) = halves(first);
            Span { start, high, low }
        }));
        recipe.buckets.extend(buckets);
    }
    family
}
