//! `umoja import`: users of another system.

mod options;
mod own;
mod peers;
mod progress;
mod proof;
mod resume;
mod source;
mod summary;
mod work;

use std::sync::Arc;

use umoja_crypto::{EngineChoice, Params, Passwords};
use umoja_migrate::formats::SourceError;
use umoja_migrate::import::{Report, RunError};
use umoja_runtime::bulk::Bulk;
use umoja_schema::Company;

pub(super) use self::options::Import;
use self::peers::wait_for_peers;
use self::progress::Progress;
use self::resume::{Identity, Resume};
use self::source::{Item, Opening, Source};
use self::summary::Summary;
use self::work::{Fresh, Mode, Ready, Work};
use super::target::{Opened, Place};
use crate::CliError;
use crate::deployment::{DeployedRegion, Regions};
use crate::output::{Output, note};

/// How many records are imported at the same time into a directory: while a transaction with a half of them is written, the
/// other half is prepared.
const AT_ONCE: usize = 1024;
/// The same in AWS, where each is calls of services.
const AT_ONCE_IN_AWS: usize = 256;

impl Import {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let opening = Opening::read(&self)?;
        // A command that changes the keys of a directory waits only for the server. The lock keeps such commands away.
        let _unchanged = self.target.unchanged()?;
        let opened = self.target.open().await?;
        let regions = opened.regions_now().await?;
        let region = self.region(&regions)?;
        let company = self.company(region).await?;
        let passwords = Arc::new(Passwords::new(Params::OWASP, engine(&opened), None)?);
        let mode = Mode { site: self.issuer.clone(), dry_run: self.dry_run, is_strict: self.strict };
        let work = Arc::new(Work::new(region, company, passwords, mode).await?);
        if let Ready::Foreign(importer) = work.ready() {
            opening.check_keys(&importer.keys)?;
            if let Some(samples) = &self.prove {
                proof::prove(&importer, opening.source(&self.file)?, (&self.file, self.format), samples)?;
            }
        }
        let _fresh = Fresh::start(Arc::clone(&work));
        let source = opening.source(&self.file)?;
        let place = format!("{} {}", opened.name(), region.name());
        let mut resume = Resume::open(&self, &Identity { place: &place, opening: &opening, source: &source })?;
        let mut progress = Progress::new(&source, resume.report.rows, region.home.clock.as_ref());
        let bulk = wait_for_peers(&opened, region, self.dry_run);
        let done = self.read((&work, &bulk), source, &mut resume, &mut progress).await;
        progress.end();
        bulk.finish().await;
        resume.save()?;
        done?;
        resume.finish()?;
        let wrap_ms = if self.dry_run && resume.report.wrapped > 0 { Some(work.wrap_ms()) } else { None };
        Summary { import: &self, region, report: &resume.report, millis: progress.millis(), wrap_ms }.print(output);
        linked(region, &resume.report).await?;
        if resume.report.rejected > 0 { Err(CliError::RowsRejected) } else { Ok(()) }
    }

    /// Imports the rows to the end of the file.
    async fn read(
        &self,
        (work, bulk): (&Arc<Work>, &Bulk),
        source: Source<'_>,
        resume: &mut Resume,
        progress: &mut Progress<'_>,
    ) -> Result<(), CliError> {
        let skip = usize::try_from(resume.report.rows).unwrap_or(usize::MAX);
        if skip > 0 {
            note(&format!("continuing after {skip} records that an earlier run has done"));
        }
        let import = |item: Item| {
            let (ready, imported) = (bulk.ready(), work.import(item));
            async move {
                ready.await;
                imported.await
            }
        };
        let seen = |seen| {
            progress.seen(&seen);
            resume.seen(&seen, progress.now())
        };
        let done = umoja_migrate::import::run(source.entries.skip(skip), self.at_once(), import, seen).await;
        done.map_err(|error| self.stopped(error))
    }

    /// How many records are imported at the same time.
    fn at_once(&self) -> usize {
        let is_cloud = matches!(self.target.place(), Ok(Place::Cloud { .. }));
        self.at_once.unwrap_or(if is_cloud { AT_ONCE_IN_AWS } else { AT_ONCE })
    }

    /// The error of an import that ended early.
    fn stopped(&self, error: RunError<SourceError, CliError>) -> CliError {
        let what = match error {
            RunError::Source(error) => source::unreadable(&self.file, self.format, &error),
            other => other.to_string(),
        };
        CliError::Failed(if self.dry_run {
            format!("{what}; this was a dry run, and no record was imported")
        } else {
            format!("{what}; the records read so far are imported, and the same command continues from there")
        })
    }

    /// The region in which users are written.
    fn region<'a>(&self, regions: &'a Regions) -> Result<&'a DeployedRegion, CliError> {
        let region = match &self.into {
            Some(name) => regions.get(name)?,
            None => regions.first()?,
        };
        if region.state.serves() {
            return Ok(region);
        }
        let name = region.name();
        Err(CliError::Failed(format!(
            "{name} does not serve; choose another region with --into, or `umoja region thaw`"
        )))
    }

    async fn company(&self, region: &DeployedRegion) -> Result<Option<Company>, CliError> {
        let Some(id) = &self.company else { return Ok(None) };
        let stored = region.home.registry.company(id).await.map_err(|source| region.failed(source))?;
        let mut company = stored
            .ok_or_else(|| CliError::Failed(format!("there is no company {id}; add it with `umoja company add`")))?;
        if let Some(country) = &self.phone_country {
            company.phone_country = Some(country.clone());
        }
        Ok(Some(company))
    }
}

/// Fails if users of an export are linked to companies that do not exist: no company can use such a link.
async fn linked(region: &DeployedRegion, report: &Report) -> Result<(), CliError> {
    let mut missing = Vec::new();
    for (id, count) in &report.links {
        let stored = region.home.registry.company(id).await.map_err(|source| region.failed(source))?;
        if stored.is_none() {
            missing.push(format!("{id} {count}"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(CliError::Failed(format!("links to companies that do not exist: {missing}; add them with `umoja company add`")))
}

fn engine(opened: &Opened) -> EngineChoice {
    match opened {
        Opened::Local(deployment) => deployment.config().password_engine.into(),
        Opened::Cloud(..) => EngineChoice::Auto,
    }
}
