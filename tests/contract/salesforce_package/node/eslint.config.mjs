import lwc from "@salesforce/eslint-config-lwc";

export default lwc.configs.recommended;
