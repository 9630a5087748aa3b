/// For patterns that come from elsewhere than a policy file (answers of policy servers, tools).
public enum PatternSyntax {
  /// Why `text` is no pattern of a rule; nil when it is one.
  public static func fault(in text: String) -> String? {
    do throws(Pattern.Invalid) {
      _ = try Pattern(text)
      return nil
    } catch {
      return "\(error.message) (after byte \(error.offset))"
    }
  }
}
