//! Organisers' pages.
/// Routes.
pub fn routes() -> axum::Router<crate::state::App> {
    axum::Router::new()
}
pub mod csv {
    #[derive(Debug)]
    pub enum ExportError {
        Io(std::io::Error),
        Store(crate::store::StoreError),
    }
    /// x
    pub async fn write_to(
        _: std::sync::Arc<dyn crate::store::Store>,
        _: uuid::Uuid,
        _: tokio::io::Stdout,
    ) -> Result<(), ExportError> {
        Ok(())
    }
}
