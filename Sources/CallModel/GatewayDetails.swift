/// What few gateway calls need: it comes from policy servers and scripts only, or matters to some kinds of targets
/// (routing reference §12.1).
public struct GatewayDetails: RareSettings, Hashable, Sendable {
  public var description = ""
  public var layout = Layout.standard
  public var showsActiveSpeaker = false
  public var showsOverlayText = false
  public var liveCaptionsLanguage = ""
  public var sourceLanguage = ""
  /// Apps send media straight to the node that transcodes, not through the edge node.
  public var bypassesProxy = false
  public var fitsTeamsToFrame = false
  /// False: media goes through unchanged, or not at all.
  public var transcodes = true

  public init() {}
}
