/// Which Lamina this is.
public enum Version {
    /// The release, as `lamina --version` and `lamina_version` say it.
    public static let text = "0.1.0"
}
