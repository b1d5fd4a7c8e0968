//! What an API server says about one kind of object, kept up to date: the objects that carry the portal's label. A change is a nudge. While the stream is
//! interrupted the last state stays, and whoever asks is sent to the API server itself.

use super::{
    failure::Failure,
    link::Way,
    object::{OWNER, Object, Readable},
    place::Place,
};
use domain::ClusterId;
use futures::StreamExt;
use kube::{
    Client,
    api::{Api, DynamicObject},
    runtime::watcher::{self, Event},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

/// How long a stream may be interrupted before its objects count as old.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between tries to open a stream again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

type Key = (String, String);
type Map<T> = HashMap<Key, Arc<Object<T>>>;

/// Objects of one kind, of one namespace or of all.
pub struct Watch<T> {
    place: Arc<Place>,
    /// None: all namespaces.
    namespace: Option<String>,
    kept: RwLock<Kept<T>>,
}

struct Kept<T> {
    objects: Map<T>,
    /// Keys by the cluster that objects belong to.
    owners: BTreeMap<ClusterId, BTreeSet<Key>>,
    /// A first list came in whole.
    complete: bool,
    /// Since when the stream is interrupted.
    broken: Option<Instant>,
}

impl<T: Readable> Kept<T> {
    fn put(&mut self, object: Object<T>) -> bool {
        let key = (object.meta.namespace.clone(), object.meta.name.clone());
        let before = self.objects.get(&key);
        // Our own write may have been put here before the stream told of what was there before it.
        if before.is_some_and(|before| before.meta.uid == object.meta.uid && !object.meta.is_newer_than(&before.meta)) {
            return false;
        }
        let same = before.is_some_and(|before| is_same(before, &object));
        if let Some(owner) = before.and_then(|before| before.meta.owner()) {
            self.disown(owner, &key);
        }
        if let Some(owner) = object.meta.owner() {
            self.owners.entry(owner).or_default().insert(key.clone());
        }
        self.objects.insert(key, Arc::new(object));
        !same
    }

    fn take(&mut self, key: &Key) -> Option<Arc<Object<T>>> {
        let gone = self.objects.remove(key)?;
        if let Some(owner) = gone.meta.owner() {
            self.disown(owner, key);
        }
        Some(gone)
    }

    fn disown(&mut self, owner: ClusterId, key: &Key) {
        if let Some(keys) = self.owners.get_mut(&owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.owners.remove(&owner);
            }
        }
    }
}

/// Nothing that anybody looks at differs.
fn is_same<T: PartialEq>(one: &Object<T>, other: &Object<T>) -> bool {
    let (a, b) = (&one.meta, &other.meta);
    one.body == other.body && (&a.uid, a.generation, &a.labels, &a.annotations, a.deleting) == (&b.uid, b.generation, &b.labels, &b.annotations, b.deleting)
}

impl<T: Readable> Watch<T> {
    fn start(place: Arc<Place>, namespace: Option<String>) -> Arc<Self> {
        let kept = Kept { objects: HashMap::new(), owners: BTreeMap::new(), complete: false, broken: None };
        let watch = Arc::new(Self { place: place.clone(), namespace, kept: RwLock::new(kept) });
        let task = watch.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = place.target.stop.cancelled() => {}
                () = task.run() => {}
            }
        });
        watch
    }

    /// The object of that name, if the stream is up to date. Outer none: it is not, ask the API server.
    fn kept(&self, namespace: &str, name: &str) -> Option<Option<Arc<Object<T>>>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        is_current(&kept).then(|| kept.objects.get(&(namespace.to_owned(), name.to_owned())).cloned())
    }

    fn kept_of(&self, namespace: &str, owner: ClusterId) -> Option<Vec<Arc<Object<T>>>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mine = kept.owners.get(&owner).into_iter().flatten().filter(|(of, _)| of == namespace);
        is_current(&kept).then(|| mine.filter_map(|key| kept.objects.get(key).cloned()).collect())
    }

    /// What our own write came to, so that we read what we wrote before the stream tells it.
    fn put(&self, object: Object<T>) {
        self.kept.write().unwrap_or_else(PoisonError::into_inner).put(object);
    }

    async fn run(&self) {
        let mut way = self.place.link.changes();
        let mut pause = PAUSE.0;
        loop {
            let client = match &*way.borrow_and_update() {
                Way::Up(client) => Some(client.clone()),
                Way::Down(_) | Way::Unknown => None,
            };
            let Some(client) = client else {
                self.interrupted();
                if way.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let opened = Instant::now();
            tokio::select! {
                // Another client, or none: start anew with it. What is kept stays meanwhile.
                changed = way.changed() => if changed.is_err() { return },
                () = self.follow(client) => {
                    self.interrupted();
                    self.place.link.doubt();
                    // What held for a while was well: it was the server that went.
                    pause = if opened.elapsed() > PAUSE.1 { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
                    tokio::select! {
                        () = sleep(pause.mul_f64(0.75 + rand::random::<f64>() / 2.0)) => {}
                        // It went, or came back: no reason to wait longer than others.
                        changed = way.changed() => if changed.is_err() { return } else { pause = PAUSE.0 },
                    }
                }
            }
        }
    }

    /// Follows one stream until it is interrupted.
    async fn follow(&self, client: Client) {
        let resource = T::KIND.resource();
        let api: Api<DynamicObject> = match &self.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        let mut stream = std::pin::pin!(watcher::watcher(api, watcher::Config::default().labels(OWNER)));
        let mut list: Map<T> = HashMap::new();
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Init) => list = HashMap::new(),
                Ok(Event::InitApply(object)) => {
                    let Some(object) = self.read(object) else { return };
                    list.insert((object.meta.namespace.clone(), object.meta.name.clone()), Arc::new(object));
                }
                Ok(Event::InitDone) => self.replace(std::mem::take(&mut list)),
                Ok(Event::Apply(object)) => {
                    let Some(object) = self.read(object) else { return };
                    self.changed(object);
                }
                Ok(Event::Delete(object)) => {
                    let Some(object) = self.read(object) else { return };
                    self.gone(&object);
                }
                Err(error) => {
                    debug!(place = self.place.name(), kind = T::KIND.kind, error = super::failure::chain(&error), "a watch was interrupted");
                    return;
                }
            }
        }
    }

    /// None: not understood, and so nothing here can be relied on; whoever asks reads that one object for itself.
    fn read(&self, object: DynamicObject) -> Option<Object<T>> {
        Object::read(object).inspect_err(|why| warn!(place = self.place.name(), why, "a watched object is not understood")).ok()
    }

    fn interrupted(&self) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.broken = kept.broken.or_else(|| Some(Instant::now()));
    }

    /// A whole list: what differs from before is a nudge.
    fn replace(&self, list: Map<T>) {
        let mut nudged = BTreeSet::new();
        {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            for (key, object) in &list {
                if !kept.objects.get(key).is_some_and(|before| is_same(before, object)) {
                    nudged.extend(object.meta.owner());
                }
            }
            nudged.extend(kept.objects.iter().filter(|(key, _)| !list.contains_key(*key)).filter_map(|(_, before)| before.meta.owner()));
            kept.owners.clear();
            for (key, object) in &list {
                if let Some(owner) = object.meta.owner() {
                    kept.owners.entry(owner).or_default().insert(key.clone());
                }
            }
            kept.objects = list;
            (kept.complete, kept.broken) = (true, None);
            info!(place = self.place.name(), kind = T::KIND.kind, objects = kept.objects.len(), "watching");
        }
        nudged.into_iter().for_each(|id| self.place.nudge(id));
    }

    fn changed(&self, object: Object<T>) {
        let owner = object.meta.owner();
        let differs = {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.broken = None;
            kept.put(object)
        };
        owner.filter(|_| differs).into_iter().for_each(|id| self.place.nudge(id));
    }

    fn gone(&self, object: &Object<T>) {
        let gone = {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.take(&(object.meta.namespace.clone(), object.meta.name.clone()))
        };
        gone.and_then(|gone| gone.meta.owner()).into_iter().for_each(|id| self.place.nudge(id));
    }
}

fn is_current<T>(kept: &Kept<T>) -> bool {
    kept.complete && kept.broken.is_none_or(|since| since.elapsed() < PATIENCE)
}

/// Watches of one kind, opened where they are needed first.
pub struct Watches<T> {
    place: Arc<Place>,
    open: Mutex<HashMap<Option<String>, Arc<Watch<T>>>>,
}

impl<T: Readable> Watches<T> {
    /// None open yet.
    pub fn new(place: Arc<Place>) -> Self {
        Self { place, open: Mutex::default() }
    }

    /// One for all namespaces where projects have their own and the portal may look at all of them, else one for each.
    fn at(&self, namespace: &str) -> Arc<Watch<T>> {
        let scope = self.scope(namespace);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.entry(scope.clone()).or_insert_with(|| Watch::start(self.place.clone(), scope)).clone()
    }

    /// None: all namespaces.
    fn scope(&self, namespace: &str) -> Option<String> {
        let wide = self.place.facts().is_some_and(|facts| facts.wide);
        (!wide).then(|| namespace.to_owned())
    }

    /// The object of that name. None is proven: the API server itself was asked, twice or beside a watch that has it neither.
    pub async fn one(&self, namespace: &str, name: &str) -> Result<Option<Arc<Object<T>>>, Failure> {
        match self.at(namespace).kept(namespace, name) {
            Some(Some(object)) => Ok(Some(object)),
            // Not there, which is one proof, or without our label.
            Some(None) => Ok(self.place.confirm(Some(namespace), name).await?.map(Arc::new)),
            // Not known yet.
            None => Ok(self.place.get(Some(namespace), name).await?.map(Arc::new)),
        }
    }

    /// All that belong to that cluster.
    pub async fn of(&self, namespace: &str, owner: ClusterId) -> Result<Vec<Arc<Object<T>>>, Failure> {
        match self.at(namespace).kept_of(namespace, owner) {
            Some(objects) => Ok(objects),
            None => Ok(self.place.list(Some(namespace), &format!("{OWNER}={owner}")).await?.into_iter().map(Arc::new).collect()),
        }
    }

    /// The object of that name as last heard of; never asks anybody.
    pub fn glance(&self, namespace: &str, name: &str) -> Option<Arc<Object<T>>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = open.get(&self.scope(namespace))?;
        let kept = watch.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// What is known of that object is old.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.at(namespace).kept.write().unwrap_or_else(PoisonError::into_inner).take(&(namespace.to_owned(), name.to_owned()));
    }

    /// What a write of ours came to.
    pub fn put(&self, object: DynamicObject) {
        match Object::<T>::read(object) {
            Ok(object) => self.at(&object.meta.namespace.clone()).put(object),
            Err(why) => debug!(place = self.place.name(), why, "not kept"),
        }
    }
}
